import { type ErrorCode, GdpfsError } from '../../src/base/errors.ts';
import type { Disk, DiskFile } from '../../src/storage/disk.ts';
import { type Change, type CrashReport, type CrashStyle, FaultFile } from './fault-file.ts';
import { Random } from './random.ts';

export type Operation =
  | 'close'
  | 'freeBytes'
  | 'list'
  | 'makeDirectory'
  | 'open'
  | 'read'
  | 'remove'
  | 'rename'
  | 'size'
  | 'sync'
  | 'syncDirectory'
  | 'truncate'
  | 'write';

/** Where a fault can be: any operation, or a write that makes its file larger. */
export type FaultPoint = Operation | 'grow';

export interface Fault {
  readonly code: Extract<ErrorCode, 'no_space' | 'local_io'>;
  /** What the failing operation does all the same. `half` is for writes. */
  readonly effect: 'none' | 'half' | 'full';
}

export interface FaultDiskOptions {
  readonly seed: number;
  /** False for a disk that lies: it calls everything synced and forgets it. */
  readonly honorsSync?: boolean;
}

/** What every call rejects with once the machine has stopped. */
export class MachineStopped extends Error {
  constructor() {
    super('the machine has stopped');
  }
}

/** Entries of a directory: as processes see them, as they are durable, and what lies between. */
class Directory {
  readonly cached: Map<string, Node>;
  readonly durable: Map<string, Node>;
  changes: ((entries: Map<string, Node>) => void)[] = [];

  constructor(durable: Map<string, Node> = new Map()) {
    this.durable = durable;
    this.cached = new Map(durable);
  }

  /** A change is atomic: after a crash all of it is there or nothing. */
  change(apply: (entries: Map<string, Node>) => void): void {
    apply(this.cached);
    this.changes.push(apply);
  }
}

type Node = FaultFile | Directory;

const STYLES: readonly Pick<CrashStyle, 'keep' | 'filler'>[] = [
  { keep: 0, filler: 'zeros' },
  { keep: 0.3, filler: 'garbage' },
  { keep: 0.5, filler: 'zeros' },
  { keep: 0.7, filler: 'garbage' },
  { keep: 0.95, filler: 'zeros' },
  { keep: 1, filler: 'zeros' },
];

/**
 * A disk in memory that keeps exactly its promises: synced bytes and names survive a power loss;
 * of anything else, `crash` may keep, drop, tear or reorder whatever it likes. Operations take a
 * varying number of turns, so that those in flight together end in any order. What happens follows
 * from the seed and the order of the calls.
 */
export class FaultDisk implements Disk {
  readonly #random: Random;
  readonly #honorsSync: boolean;
  readonly #root: Directory;
  readonly #faults: { readonly point: FaultPoint; readonly fault: Fault }[] = [];
  #operationsLeft = Number.POSITIVE_INFINITY;
  #onStop: () => void = () => undefined;
  #free = Number.MAX_SAFE_INTEGER;
  isStopped = false;
  /** Calls so far. */
  readonly counts: Record<Operation, number> = {
    close: 0,
    freeBytes: 0,
    list: 0,
    makeDirectory: 0,
    open: 0,
    read: 0,
    remove: 0,
    rename: 0,
    size: 0,
    sync: 0,
    syncDirectory: 0,
    truncate: 0,
    write: 0,
  };
  /** Bytes handed to `write`. */
  bytesWritten = 0;
  openFiles = 0;

  constructor(options: FaultDiskOptions, root: Directory = new Directory()) {
    this.#random = new Random(options.seed);
    this.#honorsSync = options.honorsSync ?? true;
    this.#root = root;
  }

  /** The next operation of this kind fails; several calls queue up. */
  failNext(point: FaultPoint, fault: Fault): void {
    this.#faults.push({ point, fault });
  }

  /** After this many more operations the machine stops: `onStop` runs, and nothing works any more. */
  stopAfter(operations: number, onStop: () => void = () => undefined): void {
    this.#operationsLeft = operations;
    this.#onStop = onStop;
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#onStop();
  }

  /** Bytes that may still be written; growing files use them up, removed ones give them back. */
  setFreeBytes(bytes: number): void {
    this.#free = bytes;
  }

  /** One of the states that the disk may be in after a power loss now. */
  crash(): { readonly disk: FaultDisk; readonly report: CrashReport } {
    const random = this.#random;
    const report = { lostSectors: 0, keptSectors: 0, lostNames: 0, keptNames: 0 };
    const sectorBytes = random.pick([512, 4096]);
    const style = { ...(random.pick(STYLES) ?? { keep: 0, filler: 'zeros' }), sectorBytes };
    const root = crashDirectory(this.#root, { random, style, report });
    const seed = random.integer(0, 2 ** 31);
    const disk = new FaultDisk({ seed, honorsSync: this.#honorsSync }, root);
    disk.setFreeBytes(this.#free);
    return { disk, report };
  }

  /** The disk as the next process finds it after a kill: nothing is lost, nothing is synced. */
  restart(): FaultDisk {
    abandonFiles(this.#root);
    const seed = this.#random.integer(0, 2 ** 31);
    const disk = new FaultDisk({ seed, honorsSync: this.#honorsSync }, this.#root);
    disk.setFreeBytes(this.#free);
    return disk;
  }

  async open(path: string, options?: { readonly create?: boolean }): Promise<DiskFile> {
    return await this.#operate('open', () => {
      const { directory, name } = this.#place(path);
      let node = directory.cached.get(name);
      if (options?.create === true) {
        if (node !== undefined) throw ioError(`open "${path}": it exists`);
        const created = new FaultFile();
        node = created;
        directory.change((entries) => entries.set(name, created));
      }
      if (!(node instanceof FaultFile)) throw ioError(`open "${path}": no such file`);
      return this.#handle(node);
    });
  }

  async list(directory: string): Promise<string[]> {
    return await this.#operate('list', () => {
      const node = this.#node(directory);
      return node instanceof Directory ? [...node.cached.keys()].sort() : [];
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#operate('makeDirectory', () => {
      let directory = this.#root;
      for (const name of path.split('/')) {
        let node = directory.cached.get(name);
        if (node === undefined) {
          const created = new Directory();
          node = created;
          directory.change((entries) => entries.set(name, created));
        }
        if (!(node instanceof Directory)) throw ioError(`make "${path}": a file is in the way`);
        directory = node;
      }
    });
  }

  async rename(source: string, target: string): Promise<void> {
    await this.#operate('rename', () => {
      const from = this.#place(source);
      const to = this.#place(target);
      const node = from.directory.cached.get(from.name);
      if (node === undefined) throw ioError(`rename "${source}": no such file`);
      if (from.directory !== to.directory) throw ioError('rename between directories');
      this.#giveBack(to.directory.cached.get(to.name));
      from.directory.change((entries) => {
        entries.delete(from.name);
        entries.set(to.name, node);
      });
    });
  }

  async remove(path: string): Promise<void> {
    await this.#operate('remove', () => {
      const { directory, name } = this.#place(path);
      if (!directory.cached.has(name)) return;
      this.#giveBack(directory.cached.get(name));
      directory.change((entries) => entries.delete(name));
    });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#operate('syncDirectory', () => {
      const directory = this.#node(path);
      if (!(directory instanceof Directory)) throw ioError(`sync "${path}": no such directory`);
      if (!this.#honorsSync) return;
      for (const apply of directory.changes.splice(0)) apply(directory.durable);
    });
  }

  async freeBytes(): Promise<number> {
    return await this.#operate('freeBytes', () => this.#free);
  }

  #handle(file: FaultFile): DiskFile {
    let isOpen = true;
    this.openFiles += 1;
    const requireOpen = (): void => {
      if (!isOpen) throw ioError('use file: it is closed');
    };
    return {
      read: async (target, position) => {
        requireOpen();
        return await this.#operate('read', () => {
          const bytes = file.cached.read(position, target.length);
          target.set(bytes);
          return bytes.length;
        });
      },
      write: async (parts, position) => {
        requireOpen();
        await this.#write(file, Buffer.concat(parts), position);
      },
      writeDurably: async (parts, position) => {
        requireOpen();
        await this.#sync(file, await this.#write(file, Buffer.concat(parts), position));
      },
      sync: async () => {
        requireOpen();
        await this.#sync(file);
      },
      size: async () => await this.#operate('size', () => file.cached.size),
      allocatedBytes: async () => await this.#operate('size', () => file.cached.allocated),
      truncate: async (size) => {
        requireOpen();
        await this.#operate('truncate', () => {
          this.#free += Math.max(0, file.cached.size - size);
          file.begin({ kind: 'truncate', size })();
        });
      },
      close: async () => {
        // Closing works on a stopped machine too: the process that would have to do it is gone.
        this.counts.close += 1;
        if (isOpen) this.openFiles -= 1;
        isOpen = false;
      },
    };
  }

  async #write(file: FaultFile, bytes: Uint8Array, offset: number): Promise<Change> {
    this.bytesWritten += bytes.length;
    const growth = Math.max(0, offset + bytes.length - file.cached.size);
    const fault = this.#start('write') ?? (growth > 0 ? this.#takeFault('grow') : undefined);
    const fits = Math.max(0, bytes.length - Math.max(0, growth - this.#free));
    const written =
      fault?.effect === 'none' ? 0 : fault?.effect === 'half' ? bytes.length >> 1 : fits;
    this.#free -= Math.max(0, offset + written - file.cached.size);
    const change: Change = { kind: 'write', offset, bytes: bytes.subarray(0, written) };
    const done = file.begin(change);
    await this.#turns();
    done();
    if (fault !== undefined) throw injected('write', fault);
    if (fits < bytes.length) throw new GdpfsError('no_space', 'cannot write: the disk is full');
    return change;
  }

  async #sync(file: FaultFile, of?: Change): Promise<void> {
    const fault = this.#start('sync');
    const sync = file.beginSync(of);
    await this.#turns();
    if (fault?.effect === 'none') sync.fail();
    else if (this.#honorsSync) sync.finish();
    if (fault !== undefined) throw injected('sync', fault);
  }

  async #operate<T>(operation: Operation, effect: () => T): Promise<T> {
    const fault = this.#start(operation);
    await this.#turns();
    if (fault !== undefined && fault.effect !== 'full') throw injected(operation, fault);
    const result = effect();
    if (fault !== undefined) throw injected(operation, fault);
    return result;
  }

  /** Counts the operation, and returns the fault that it is to have. */
  #start(operation: Operation): Fault | undefined {
    if (this.isStopped) throw new MachineStopped();
    this.counts[operation] += 1;
    this.#operationsLeft -= 1;
    return this.#takeFault(operation);
  }

  #takeFault(point: FaultPoint): Fault | undefined {
    const index = this.#faults.findIndex((each) => each.point === point);
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0]?.fault;
  }

  /** The time that an operation takes. The machine may stop in it. */
  async #turns(): Promise<void> {
    for (let turns = this.#random.integer(0, 3); turns > 0; turns--) await Promise.resolve();
    if (this.#random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
    if (this.#operationsLeft <= 0) this.stop();
    if (this.isStopped) throw new MachineStopped();
  }

  #giveBack(node: Node | undefined): void {
    if (node instanceof FaultFile) this.#free += node.cached.size;
  }

  #place(path: string): { readonly directory: Directory; readonly name: string } {
    const slash = path.lastIndexOf('/');
    const directory = this.#node(slash < 0 ? '' : path.slice(0, slash));
    if (!(directory instanceof Directory)) throw ioError(`reach "${path}": no such directory`);
    return { directory, name: path.slice(slash + 1) };
  }

  #node(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path === '' ? [] : path.split('/')) {
      node = node instanceof Directory ? node.cached.get(name) : undefined;
    }
    return node;
  }
}

function crashDirectory(
  directory: Directory,
  how: { readonly random: Random; readonly style: CrashStyle; readonly report: CrashReport },
): Directory {
  const { random, style, report } = how;
  const entries = new Map(directory.durable);
  for (const apply of directory.changes) {
    if (random.chance(style.keep)) {
      report.keptNames += 1;
      apply(entries);
    } else {
      report.lostNames += 1;
    }
  }
  const survivors = new Map<string, Node>();
  for (const [name, node] of entries) {
    const survivor =
      node instanceof FaultFile ? node.crash(random, style, report) : crashDirectory(node, how);
    survivors.set(name, survivor);
  }
  return new Directory(survivors);
}

function abandonFiles(directory: Directory): void {
  for (const node of directory.cached.values()) {
    if (node instanceof FaultFile) node.abandon();
    else abandonFiles(node);
  }
}

function injected(operation: Operation, fault: Fault): GdpfsError {
  return new GdpfsError(fault.code, `cannot ${operation}: injected fault`);
}

function ioError(action: string): GdpfsError {
  return new GdpfsError('local_io', `cannot ${action}`);
}
