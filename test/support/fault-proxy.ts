/**
 * A bad network between client and server: raw bytes are passed on, and cut off, held up, doubled or
 * changed where a script or a seed says. TLS stays end to end, so it sees lengths and no content.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';

/** `up`: from client to server. */
export type Direction = 'up' | 'down';

interface Place {
  readonly direction: Direction;
  /**
   * The fault happens when this byte comes, before it is passed on: 0 is the first. Bytes count from
   * `inject`, of all connections together; of one connection from its begin if `connection` is given.
   */
  readonly at: number;
  /** The connection number so many that is made after `inject`: 0 is the next one. */
  readonly connection?: number;
}

type What =
  /** The connection ends for both sides; bytes under way the other way may get lost. */
  | { readonly kind: 'cut' | 'reset' }
  /** Nothing more is read from the sender of the direction, and the connection stays. */
  | { readonly kind: 'stall' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Up to `length` bytes are passed on twice. */
  | { readonly kind: 'duplicate'; readonly length: number }
  /** Flips bits of the byte. */
  | { readonly kind: 'corrupt'; readonly mask: number }
  /** Something else happens now, such as a kill; the direction waits for it. */
  | { readonly kind: 'run'; readonly action: () => void | Promise<void> };

export type Fault = Place & What;
export type FaultKind = Fault['kind'];

interface Pending {
  readonly fault: Fault;
  /** Byte of the whole direction, or of its connection. */
  readonly at: number;
  /** Number of the connection since the start. */
  readonly connection: number | undefined;
}

export class FaultProxy implements AsyncDisposable {
  readonly #listener = createServer({ allowHalfOpen: true });
  readonly #open = new Set<Passage>();
  #pending: Pending[] = [];
  #port: number;
  #count = 0;
  /** Bytes that came from each side, whether they were passed on or not. */
  readonly bytes = { up: 0, down: 0 };
  /** Faults that have happened. */
  happened = 0;

  /** In front of a server at `url`. */
  static async start(url: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(portOf(url));
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  private constructor(port: number) {
    this.#port = port;
    this.#listener.on('connection', (client) => {
      void this.#accept(client);
    });
  }

  /** Where clients find it. Stays the same when the server moves. */
  get url(): string {
    return `https://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Connections made so far. */
  get connections(): number {
    return this.#count;
  }

  /** Faults that have not happened yet. */
  get pending(): readonly Fault[] {
    return this.#pending.map(({ fault }) => fault);
  }

  /** New connections go to the server at `url`, for example after it was started again. */
  moveTo(url: string): void {
    this.#port = portOf(url);
  }

  /** Each happens once, when its byte comes. */
  inject(...faults: readonly Fault[]): void {
    for (const fault of faults) {
      const { direction, at, connection } = fault;
      this.#pending.push(
        connection === undefined
          ? { fault, at: this.bytes[direction] + at, connection }
          : { fault, at, connection: this.#count + connection },
      );
    }
  }

  /** What has not happened yet will not. */
  clear(): void {
    this.#pending = [];
  }

  /** Resolves when the byte has come, and before it is passed on. */
  async reached(direction: Direction, at: number): Promise<void> {
    await new Promise<void>((action) => {
      this.inject({ direction, at, kind: 'run', action });
    });
  }

  /** Ends every connection there is. */
  cutAll(): void {
    for (const passage of this.#open) passage.end('cut');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.clear();
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cutAll();
    await closed;
  }

  async #accept(client: Socket): Promise<void> {
    const server = connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true });
    const passage = new Passage(client, server, this.#count++);
    this.#open.add(passage);
    await Promise.all([this.#pass(passage, 'up'), this.#pass(passage, 'down')]);
    passage.end('cut');
    this.#open.delete(passage);
  }

  async #pass(passage: Passage, direction: Direction): Promise<void> {
    const { from, to } = passage.side(direction);
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        let rest = piece as Uint8Array;
        while (rest.length > 0) rest = await this.#passOn(passage, direction, rest);
      }
      to.end();
    } catch {
      // A side that is gone is gone for the other side too.
      passage.end('reset');
    }
  }

  /** Passes bytes on up to the next fault and lets it happen; returns what is left. */
  async #passOn(passage: Passage, direction: Direction, bytes: Uint8Array): Promise<Uint8Array> {
    const next = this.#take(passage, direction, bytes.length);
    const head = next === undefined ? bytes : bytes.subarray(0, next.after);
    const { to } = passage.side(direction);
    this.bytes[direction] += head.length;
    passage.bytes[direction] += head.length;
    await write(to, head);
    const rest = bytes.subarray(head.length);
    if (next === undefined) return rest;
    this.happened += 1;
    return await happen(next.fault, passage, rest);
  }

  /** The first fault among the next `length` bytes, and how many of them come before. */
  #take(
    passage: Passage,
    direction: Direction,
    length: number,
  ): { readonly fault: Fault; readonly after: number } | undefined {
    let first: { readonly pending: Pending; readonly after: number } | undefined;
    for (const pending of this.#pending) {
      const { fault, connection } = pending;
      if (fault.direction !== direction) continue;
      if (connection !== undefined && connection !== passage.number) continue;
      const passed = (connection === undefined ? this : passage).bytes[direction];
      const after = Math.max(0, pending.at - passed);
      if (after < (first?.after ?? length)) first = { pending, after };
    }
    if (first === undefined) return undefined;
    const { pending, after } = first;
    this.#pending = this.#pending.filter((each) => each !== pending);
    return { fault: pending.fault, after };
  }
}

/** One connection of a client, and the one to the server that belongs to it. */
class Passage {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ended = Promise.withResolvers<void>();
  readonly number: number;
  readonly bytes = { up: 0, down: 0 };

  constructor(client: Socket, server: Socket, number: number) {
    this.#client = client;
    this.#server = server;
    this.number = number;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {
        this.end('reset');
      });
    }
  }

  side(direction: Direction): { readonly from: Socket; readonly to: Socket } {
    const [client, server] = [this.#client, this.#server];
    return direction === 'up' ? { from: client, to: server } : { from: server, to: client };
  }

  /** Resolves when the connection has ended, or nobody is left to receive what goes this way. */
  async gone(direction: Direction): Promise<void> {
    const { to } = this.side(direction);
    await Promise.race([this.#ended.promise, once(to, 'close')]);
  }

  end(how: 'cut' | 'reset'): void {
    this.#ended.resolve();
    for (const socket of [this.#client, this.#server]) {
      if (socket.destroyed) continue;
      // A socket that shuts down cannot be reset: libuv refuses, and then it is never closed.
      if (how === 'reset' && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}

async function happen(fault: Fault, passage: Passage, rest: Uint8Array): Promise<Uint8Array> {
  switch (fault.kind) {
    case 'cut':
    case 'reset':
      passage.end(fault.kind);
      return rest.subarray(rest.length);
    case 'stall':
      await passage.gone(fault.direction);
      return rest.subarray(rest.length);
    case 'delay':
      await delay(fault.ms);
      return rest;
    case 'duplicate':
      await write(passage.side(fault.direction).to, rest.subarray(0, fault.length));
      return rest;
    case 'corrupt': {
      const changed = Uint8Array.from(rest);
      changed[0] = (rest[0] ?? 0) ^ fault.mask;
      return changed;
    }
    case 'run':
      await fault.action();
      return rest;
  }
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Faults that end or spoil a connection, and those that do not. */
const RANDOM_KINDS = ['cut', 'reset', 'stall', 'delay', 'duplicate', 'corrupt'] as const;
const RANDOM_DELAY_MS_MAX = 20;
const RANDOM_DUPLICATE_BYTES_MAX = 1000;

/** One fault somewhere in the first `bytes` of a direction, but not before the byte `from`. */
export function randomFault(
  random: Random,
  {
    direction = random.pick(['up', 'down'] as const),
    kind = random.pick(RANDOM_KINDS),
    from = 0,
    bytes,
  }: {
    readonly direction?: Direction;
    readonly kind?: (typeof RANDOM_KINDS)[number];
    readonly from?: number;
    readonly bytes: number;
  },
): Fault {
  const place = { direction, at: random.integer(from, Math.max(from, bytes - 1)) };
  switch (kind) {
    case 'cut':
    case 'reset':
    case 'stall':
      return { ...place, kind };
    case 'delay':
      return { ...place, kind, ms: random.integer(1, RANDOM_DELAY_MS_MAX) };
    case 'duplicate':
      return { ...place, kind, length: random.integer(1, RANDOM_DUPLICATE_BYTES_MAX) };
    case 'corrupt':
      return { ...place, kind, mask: 1 << random.integer(0, 7) };
  }
}
