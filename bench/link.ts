/** The network between clients and servers. */
export interface Link extends AsyncDisposable {
  /** For the table. */
  readonly description: string;
  /** Address on which servers listen. */
  readonly host: string;
  /** Program, with its arguments, that runs what belongs on the server's side. */
  readonly prefix: readonly string[];
  /** Where clients reach the server that listens on `port` of `host`. */
  open(port: number): Promise<Address>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Nothing in between. */
export const LOOPBACK: Link = {
  description: 'loopback',
  host: '127.0.0.1',
  prefix: [],
  open: (port) => Promise.resolve({ host: '127.0.0.1', port }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
