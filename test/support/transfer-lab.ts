/** A real server behind a bad network, and clients that transfer through it. */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { LIMITS } from '../../src/base/limits.ts';
import { CHUNK_HEADER_BYTES } from '../../src/format/chunk-frame.ts';
import type { CallOptions } from '../../src/client/files.ts';
import type { FlowOptions } from '../../src/client/flow/flow-options.ts';
import { openHome } from '../../src/client/home.ts';
import { readFile } from '../../src/client/read.ts';
import { openSession, type Session } from '../../src/client/session.ts';
import { createVolume } from '../../src/client/volumes.ts';
import { type CliResult, spawnCli } from './cli.ts';
import { CliUser } from './cli-user.ts';
import { type Direction, type FaultKind, FaultProxy } from './fault-proxy.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './server.ts';
import { openTestSession, type TestSession } from './session.ts';

/** Bytes of the largest body: what one exchange that breaks costs. */
export const BODY_BYTES = LIMITS.bodyBytesTarget + LIMITS.bodyChunksMax * CHUNK_HEADER_BYTES;

/**
 * Bytes of content that a transfer sends again at most when it is cut off, all at once: the bodies that
 * it holds, on the wire or on their way to or from it.
 */
export const IN_FLIGHT_BYTES = LIMITS.transferConcurrency * BODY_BYTES;

/** Of a file of which nine tenths are much more than that: a transfer that began anew would be noticed. */
export const LONG_FILE_BYTES = IN_FLIGHT_BYTES + 24 * 1024 * 1024 + 5;

/** Handshakes, heads and questions of one run, at most: more than it takes, less than a chunk. */
const RUN_OVERHEAD_BYTES = 192 * 1024;

/** Content of `bytes` as it may be on the wire: with headers, questions, TLS records. */
export function onTheWire(bytes: number): number {
  return Math.ceil(bytes * 1.01) + RUN_OVERHEAD_BYTES;
}

/** A run's answer: whether it came to its end, and what was safe on the other side then. */
export interface Run {
  readonly error: Error | undefined;
  /** Bytes of content that had arrived for good. */
  readonly safe: number;
  /** How often an exchange was made once more, or would have been. */
  readonly waits: number;
}

/** Short, so that a stall costs a test little. Only where one is made: a busy disk may be as slow. */
export const STALL_MS = 1500;

/** Faults after which the two ends may wait for each other. */
const STALLING: readonly (FaultKind | undefined)[] = ['stall', 'corrupt', 'duplicate'];

/** What a run with these faults needs to notice that nothing moves. */
export function stallMsFor(...kinds: readonly (FaultKind | undefined)[]): number | undefined {
  return kinds.some((kind) => STALLING.includes(kind)) ? STALL_MS : undefined;
}

export interface KilledRun extends CliResult {
  /** Null if it came to its end. */
  readonly signal: string | null;
}

export class TransferLab implements AsyncDisposable {
  readonly folder: string;
  readonly proxy: FaultProxy;
  readonly #stack: AsyncDisposableStack;
  readonly #client: TestSession;
  #server: ServerProcess;
  #direct: Session;
  #count = 0;
  #bounced: Promise<void> = Promise.resolve();

  /** The server's data may be elsewhere than in `folder`. */
  static async start(dataDirectory?: string): Promise<TransferLab> {
    const stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryDirectory()).path;
    const server = await startServerProcess(dataDirectory ?? join(folder, 'data'));
    const client = stack.use(await openTestSession(server));
    const proxy = stack.use(await FaultProxy.start(server.url));
    return new TransferLab({ folder, server, client, proxy, stack });
  }

  private constructor(parts: {
    readonly folder: string;
    readonly server: ServerProcess;
    readonly client: TestSession;
    readonly proxy: FaultProxy;
    readonly stack: AsyncDisposableStack;
  }) {
    this.folder = parts.folder;
    this.proxy = parts.proxy;
    this.#server = parts.server;
    this.#client = parts.client;
    this.#direct = parts.client.session;
    this.#stack = parts.stack;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#direct[Symbol.asyncDispose]();
    // Before the server: it waits for connections that stall.
    await this.proxy[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }

  get server(): ServerProcess {
    return this.#server;
  }

  /** Past the proxy: nothing bad happens here. */
  get direct(): Session {
    return this.#direct;
  }

  /** What it takes to reach the server through the proxy. */
  get identity(): TestSession['identity'] {
    return { ...this.#client.identity, url: this.proxy.url };
  }

  /** Through the proxy. */
  open(options: FlowOptions = {}): Session {
    return openSession({ ...this.identity, ...options });
  }

  /** A GDPFS_HOME with a login through the proxy: the same principal, the same certificate each time. */
  async newHome(): Promise<string> {
    const home = openHome(this.newPath());
    await home.saveProfile({ ...this.identity, name: 'default', principal: 'admin' });
    return home.directory;
  }

  async newUser(): Promise<CliUser> {
    return new CliUser({ home: await this.newHome() });
  }

  /** Runs the command line and kills it when byte `at` of `direction` comes, if it does. */
  async runKilled(
    user: CliUser,
    args: readonly string[],
    { direction, at }: { readonly direction: Direction; readonly at: number },
  ): Promise<KilledRun> {
    const child = spawnCli(args, user.options);
    child.stdin.end();
    const ended = once(child, 'close');
    const action = (): void => {
      child.kill('SIGKILL');
      // What it has handed to the system would still arrive.
      this.proxy.cutAll();
    };
    this.proxy.inject({ direction, at: Math.floor(at), kind: 'run', action });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code, signal] = (await ended) as [number | null, string | null];
    this.proxy.clear();
    return { code, signal, stdout, stderr };
  }

  /** Kills the server, and starts it again on the same data; for clients it is where it was. */
  async bounceServer(): Promise<void> {
    // One after the other: bytes that set off the next one may be on their way already.
    const bounced = this.#bounced.then(async () => {
      await this.#server.kill();
      this.#server = await startServerProcess(this.#server.dataDirectory);
      this.proxy.moveTo(this.#server.url);
      await this.#direct[Symbol.asyncDispose]();
      this.#direct = openSession({ ...this.#client.identity, url: this.#server.url });
    });
    this.#bounced = bounced.catch(() => {});
    await bounced;
  }

  /** A session past the proxy that does not wait for a server that is away, to be closed by the caller. */
  openImpatient(): { readonly session: Session; readonly signal: AbortSignal } {
    const controller = new AbortController();
    const session = openSession({
      ...this.#client.identity,
      url: this.#server.url,
      onWait: ({ reason }) => controller.abort(reason),
    });
    return { session, signal: controller.signal };
  }

  async newVolume(chunking: 'fixed' | 'cdc'): Promise<string> {
    const name = `${chunking}-${this.#count++}`;
    await createVolume(this.#direct, { name, chunking });
    return name;
  }

  /** A path in `folder` that nobody has. */
  newPath(): string {
    return join(this.folder, `local-${this.#count++}`);
  }

  /** What a reader gets, past the proxy. */
  async read(path: string, session = this.#direct, call: CallOptions = {}): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of readFile(session, path, call)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Runs a transfer that gives up at the first trouble, or goes on by itself. */
  async run(
    transfer: (
      session: Session,
      options: CallOptions & { readonly onProgress: (bytes: number) => void },
    ) => Promise<unknown>,
    { retries, stallMs }: { readonly retries: boolean; readonly stallMs?: number | undefined },
  ): Promise<Run> {
    const controller = new AbortController();
    let progress = 0;
    // Progress is taken back when a transfer fails; what it left stays.
    let safe = 0;
    let waits = 0;
    const onWait: FlowOptions['onWait'] = ({ reason }) => {
      waits += 1;
      if (!retries) controller.abort(reason);
    };
    await using session = this.open({ onWait, stallMs });
    const onProgress = (bytes: number): void => {
      progress += bytes;
      safe = Math.max(safe, progress);
    };
    try {
      await transfer(session, { signal: controller.signal, onProgress });
      return { error: undefined, safe, waits };
    } catch (error) {
      assert(error instanceof Error);
      return { error, safe, waits };
    }
  }
}

/** Random bytes that a seed decides, many at once. */
export function content(seed: number, size: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed >>> 0);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** What transfers leave in a directory while they are not done. */
export function leftovers(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(^|\/)\.gdpfs-/.test(path),
  );
}
