import { isIP, type SocketConstructorOpts } from 'node:net';
import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';

/** How to reach a server; texts are PEM. */
export interface ServerOptions {
  /** `https://host:port`. */
  readonly url: string;
  readonly ca: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** A connection that is being made, or is there: who uses it may come later. */
export interface BegunConnection {
  readonly server: ServerOptions;
  /** Of all connections to the server: to read certificates takes a millisecond. */
  readonly secureContext: SecureContext;
  readonly socket: TLSSocket;
  /** The server has proven who it is. */
  isSecure: boolean;
  /** Why the socket is of no use any more. */
  error: Error | undefined;
  /** With which other connections go on. */
  session: Buffer | undefined;
  /** Takes what comes. The memory is used again when it returns. */
  receive: (bytes: Uint8Array) => void;
}

/** More than a record of TLS: what comes at once. Everything is taken before anything else comes. */
const buffer = new Uint8Array(64 * 1024);

export function secureContextOf({ ca, cert, key }: ServerOptions): SecureContext {
  const identity = cert === undefined || key === undefined ? {} : { cert, key };
  return createSecureContext({ ca, minVersion: 'TLSv1.3', ...identity });
}

/** `session` is that of an earlier connection, to be resumed. */
export function beginConnection(
  server: ServerOptions,
  secureContext: SecureContext = secureContextOf(server),
  session?: Buffer,
): BegunConnection {
  const { hostname, port } = new URL(server.url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const options: ConnectionOptions & Pick<SocketConstructorOpts, 'onread'> = {
    host,
    port: Number(port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext,
    ALPNProtocols: ['http/1.1'],
    ...(session === undefined ? {} : { session }),
    onread: {
      buffer,
      callback: (length) => {
        begun.receive(buffer.subarray(0, length));
        return true;
      },
    },
  };
  const socket = connect(options);
  const begun: BegunConnection = {
    server,
    secureContext,
    socket,
    isSecure: false,
    error: undefined,
    session,
    // A server that speaks first is none of ours.
    receive: () => void socket.destroy(),
  };
  socket.setNoDelay(true);
  socket.on('secureConnect', () => {
    begun.isSecure = true;
  });
  socket.on('session', (newest) => {
    begun.session = newest;
  });
  socket.on('error', (error) => {
    begun.error ??= error;
  });
  return begun;
}

let offered: BegunConnection | undefined;

/** Who is the first to need just this one gets it. */
export function offerConnection(begun: BegunConnection): void {
  offered = begun;
}

/** The one that was offered, if it is to that server, as the same client, and of use. */
export function takeOffered({ url, ca, cert, key }: ServerOptions): BegunConnection | undefined {
  const begun = offered;
  if (begun === undefined) return undefined;
  const { server, socket } = begun;
  const isSame =
    server.url === url && server.ca === ca && server.cert === cert && server.key === key;
  if (!isSame) return undefined;
  offered = undefined;
  return socket.destroyed ? undefined : begun;
}

/** What nobody took is ended, or it would keep the process running until it is made. */
export function dropOffered(): void {
  offered?.socket.destroy();
  offered = undefined;
}
