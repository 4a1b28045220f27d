import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, Link } from '../link.ts';
import { ended } from '../measure.ts';

/** Where peers run, and what they may use. */
export interface PeerPlace {
  /** Empty, and theirs: configuration, keys, logs, what they store. */
  readonly folder: string;
  readonly link: Link;
  readonly signal: AbortSignal;
}

export interface PeerServer extends AsyncDisposable {
  readonly pid: number;
  /** For clients. */
  readonly address: Address;
}

const START_TIMEOUT_MS = 10_000;
const START_POLL_MS = 50;

/** Starts a server in the foreground and waits until it listens. Disposing of it ends it. */
export async function startPeerServer(
  argv: readonly string[],
  {
    port,
    logPath,
    place,
  }: { readonly port: number; readonly logPath: string; readonly place: PeerPlace },
): Promise<PeerServer> {
  const { link, signal } = place;
  const [file = '', ...args] = [...link.prefix, ...argv];
  const log = openSync(logPath, 'w');
  const child = spawn(file, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended(child);
  };
  try {
    await waitUntilItListens(child, { host: link.host, port }, signal);
    const address = await link.open(port);
    return { pid: child.pid ?? 0, address, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    const cause = error instanceof Error ? error : new Error(String(error));
    throw new Error(`cannot start ${argv[0]}: ${readFileSync(logPath, 'utf8').trim()}`, { cause });
  }
}

async function waitUntilItListens(
  child: ChildProcess,
  address: Address,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  await once(child, 'spawn');
  while (!(await isListening(address))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`it does not listen on ${address.host}:${address.port}`);
    }
    await sleep(START_POLL_MS, undefined, { signal });
  }
}

async function isListening({ host, port }: Address): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port on which nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
