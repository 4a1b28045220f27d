/** HTTP over TLS, byte for byte as a test wants it: for heads that no client library sends. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import type { Problem } from '../../src/wire/generated/api.ts';
import type { HttpClientOptions } from './http-client.ts';

/** Certificate and key in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface RawTarget {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly pair?: Pair | undefined;
  /** Of an earlier connection, to resume. */
  readonly session?: Buffer | undefined;
  /** The name that TLS asks for, instead of the one in the URL. */
  readonly servername?: string;
}

export interface RawAnswer {
  readonly status: number;
  /** What the JSON of any answer that tests look at may have. */
  readonly body: Partial<Problem> & { readonly principal?: string };
  /** To resume the connection with, if the server offers that. */
  readonly session: Buffer | undefined;
  readonly isResumed: boolean;
}

/** A connection as whoever the certificate is for, or a stranger. */
export async function connectAs(options: HttpClientOptions): Promise<TLSSocket> {
  const { url, ca, key, certificate: cert } = options;
  const { hostname: host, port } = new URL(url);
  const pair = key === undefined ? {} : { key, cert };
  const socket = connect({ host, port: Number(port), ca, ...pair });
  await once(socket, 'secureConnect');
  return socket;
}

/** One request on a connection of its own: its first line without the version, then these fields. */
export async function sendRaw(
  target: RawTarget,
  fields: readonly string[] = [],
  line = 'GET /api/v1/whoami',
): Promise<RawAnswer> {
  const { hostname: host, port } = new URL(target.url);
  const { ca, pair, session, servername } = target;
  const socket = connect({
    host,
    port: Number(port),
    ca,
    ...pair,
    ...(session === undefined ? {} : { session }),
    ...(servername === undefined ? {} : { servername, checkServerIdentity: () => undefined }),
  });
  let next: Buffer | undefined;
  socket.on('session', (ticket: Buffer) => {
    next = ticket;
  });
  const head = [`${line} HTTP/1.1`, `Host: ${servername ?? host}`, 'Connection: close', ...fields];
  await once(socket, 'secureConnect');
  const isResumed = socket.isSessionReused();
  // Not its end: a proxy takes that for a client that went away.
  socket.write([...head, '', ''].join('\r\n'));
  const answer = await text(socket);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  return { status, body: bodyOf(answer), session: next, isResumed };
}

function bodyOf(answer: string): RawAnswer['body'] {
  try {
    return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as RawAnswer['body'];
  } catch {
    return {};
  }
}
