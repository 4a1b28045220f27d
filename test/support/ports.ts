/** Ports that nobody else takes while their server is away, be it another test that runs at the same time. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ListenOptions } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Ports from `lowest` on, so many, where servers of the system are rare. */
const RANGE = { lowest: 20_000, count: 10_000 };
/** A process that was killed has closed its sockets long before. */
const FREE_TIMEOUT_MS = 30_000;

/**
 * A port of 127.0.0.1 for this process, to the end of it: outside of the range that the system takes
 * ports from for outgoing connections and for whoever does not ask for a certain one.
 */
export async function reservePort(): Promise<number> {
  for (;;) {
    const port = randomInt(RANGE.lowest, lowestOfSystem());
    if ((await isReserved(port)) && (await isFree(port))) return port;
  }
}

/** Resolves when nobody listens at the port any more. */
export async function portIsFree(port: number): Promise<void> {
  const endMs = Date.now() + FREE_TIMEOUT_MS;
  while (!(await isFree(port))) {
    if (Date.now() > endMs) throw new Error(`port ${port} is still in use`);
    await delay(10);
  }
}

/** The lowest port that the system gives away itself, or what comes close to that on most machines. */
function lowestOfSystem(): number {
  const highest = RANGE.lowest + RANGE.count;
  try {
    const [low] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t');
    return Number(low) > RANGE.lowest + 1000 ? Math.min(Number(low), highest) : highest;
  } catch {
    return highest;
  }
}

/** Did nobody else reserve it? Linux keeps such names apart, and forgets them with the process. */
async function isReserved(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  return (await listens({ path: `\0gdpfs-test-port-${port}` })) !== undefined;
}

async function isFree(port: number): Promise<boolean> {
  const close = await listens({ host: '127.0.0.1', port });
  await close?.();
  return close !== undefined;
}

/** How to stop listening there; undefined if somebody else does. Does not keep the process alive. */
async function listens(where: ListenOptions): Promise<(() => Promise<void>) | undefined> {
  const { promise, resolve } = Promise.withResolvers<(() => Promise<void>) | undefined>();
  const server = createServer().unref();
  server.on('error', () => resolve(undefined));
  server.listen(where, () => {
    resolve(async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    });
  });
  return await promise;
}
