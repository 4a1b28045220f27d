/** A link that passes TCP on, counts it, and may hold it back. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, Link } from './link.ts';

/** Bytes of TCP streams, what TLS and SSH add included. */
export interface Counts {
  up: number;
  down: number;
}

export interface RelayLink extends Link {
  /** So far, over all connections. */
  readonly counts: Readonly<Counts>;
}

/**
 * With a delay, most that is on its way in one direction of a connection: what TCP has for one half of
 * the round trip with Linux's largest default window of 4 MiB.
 */
const WINDOW_BYTES = 2 * 1024 * 1024;
const HOST = '127.0.0.1';

/**
 * Every byte comes `delayMs` later, a connection is there after a round trip. A round trip takes
 * twice the delay. Nothing is lost, and no connection starts slowly, as TCP's would.
 */
export function openRelayLink(delayMs: number): RelayLink {
  const counts: Counts = { up: 0, down: 0 };
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const open = async (port: number): Promise<Address> => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      track(client, sockets);
      void passOn(client, { port, delayMs, counts, sockets });
    });
    servers.push(server);
    server.listen({ host: HOST, port: 0 });
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return { host: HOST, port: address.port };
  };
  return {
    description: delayMs === 0 ? 'a relay that counts' : 'a relay on loopback',
    host: HOST,
    prefix: [],
    counts,
    open,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => closed(server)));
    },
  };
}

interface Passage {
  readonly port: number;
  readonly delayMs: number;
  readonly counts: Counts;
  readonly sockets: Set<Socket>;
}

async function passOn(client: Socket, { port, delayMs, counts, sockets }: Passage): Promise<void> {
  if (delayMs > 0) await sleep(2 * delayMs);
  const server = connect({ host: HOST, port, allowHalfOpen: true });
  track(server, sockets);
  flow(client, server, { delayMs, count: (bytes) => (counts.up += bytes) });
  flow(server, client, { delayMs, count: (bytes) => (counts.down += bytes) });
}

/** Forgets the socket when it is closed; what it was cut off from learns of it. */
function track(socket: Socket, sockets: Set<Socket>): void {
  socket.setNoDelay(true);
  sockets.add(socket);
  // An error closes it; its other half is closed in `flow`.
  socket.on('error', () => undefined);
  socket.once('close', () => sockets.delete(socket));
}

function flow(
  source: Socket,
  sink: Socket,
  { delayMs, count }: { readonly delayMs: number; readonly count: (bytes: number) => void },
): void {
  let underWay = 0;
  const later = (act: () => void): void => {
    if (delayMs === 0) act();
    // Timers of one length fire in the order in which they were set.
    else setTimeout(act, delayMs);
  };
  const resume = (): void => {
    if (underWay < WINDOW_BYTES && !sink.writableNeedDrain) source.resume();
  };
  source.on('data', (bytes) => {
    count(bytes.length);
    underWay += bytes.length;
    later(() => {
      underWay -= bytes.length;
      sink.write(bytes);
      resume();
    });
    if (underWay >= WINDOW_BYTES || sink.writableNeedDrain) source.pause();
  });
  sink.on('drain', resume);
  source.once('end', () => later(() => sink.end()));
  source.once('close', () => later(() => sink.destroySoon()));
  source.resume();
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
