/** A real store in a temporary folder, with short ways to put files into it and read them back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Decode, utf8Encode } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { crc32, sha256 } from '../../src/base/digest.ts';
import { type ErrorCode, GdpfsError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { decodeCommit } from '../../src/format/commit.ts';
import type { GDPfsDentry } from '../../src/format/generated/gdpfs_pb.js';
import type { Chunk } from '../../src/format/manifest.ts';
import {
  decodeRecord,
  encodeFchunk,
  encodeFileMeta,
  NONCE_BYTES,
} from '../../src/format/records.ts';
import type { Collection } from '../../src/fs/collection.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { type OpenedFileSystem, openFileSystem, type OpenOptions } from '../../src/fs/open.ts';
import type { Policies } from '../../src/fs/policies.ts';
import type { Proofs } from '../../src/fs/proofs.ts';
import type { System } from '../../src/fs/system.ts';
import type {
  Attributes,
  Change,
  ChangeContext,
  ChangeResult,
  Entry,
  FileContent,
  FileState,
  Moment,
  Precondition,
} from '../../src/fs/types.ts';
import { fsckStore } from '../../src/log/fsck.ts';

/** Stands still until it is moved. */
export class ManualClock implements Clock {
  nowMs = Date.UTC(2026, 10, 20, 12);

  now(): number {
    return this.nowMs;
  }

  advance(byMs: number): void {
    this.nowMs += byMs;
  }
}

/** One chunk of a file that is to be written, or a hole. */
export type Piece = string | Uint8Array | { readonly hole: number };

interface PutOptions extends Attributes {
  readonly parents?: boolean;
  readonly precondition?: Precondition;
}

export const ALICE: ChangeContext = { author: 'alice' };

/** Folder of a store that was never killed. */
const FIRST_STORE = 'store';

/** Most entries that a test makes. */
const TREE_MAX = 100_000;

/** Opens a new store with one volume, `data`. Disposing of it removes it. */
export async function openTestStore(
  limits: Pick<OpenOptions, 'waitingLimits' | 'segmentLimits'> = {},
): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-store-'));
  const clock = new ManualClock();
  const warnings: string[] = [];
  const open = async (directory: string, rebuild: boolean): Promise<OpenedFileSystem> =>
    openFileSystem({
      ...limits,
      directory,
      keysDirectory: join(folder, 'keys'),
      clock,
      warn: (message) => warnings.push(message),
      rebuild,
    });
  const opened = await open(join(folder, FIRST_STORE), false);
  const { name } = await opened.fs.createVolume(
    { alias: 'data', owner: 'alice', chunking: 'fixed' },
    ALICE,
  );
  return new TestStore({ folder, clock, warnings, open, opened, volume: name });
}

export class TestStore implements AsyncDisposable {
  readonly clock: ManualClock;
  /** What recovery told the operator. */
  readonly warnings: readonly string[];
  /** Name of the volume `data`, which all methods here work on. */
  readonly volume: Uint8Array;
  readonly #folder: string;
  readonly #open: (directory: string, rebuild: boolean) => Promise<OpenedFileSystem>;
  #opened: OpenedFileSystem;
  #directory: string;

  constructor(parts: {
    readonly folder: string;
    readonly clock: ManualClock;
    readonly warnings: readonly string[];
    readonly open: (directory: string, rebuild: boolean) => Promise<OpenedFileSystem>;
    readonly opened: OpenedFileSystem;
    readonly volume: Uint8Array;
  }) {
    this.#folder = parts.folder;
    this.clock = parts.clock;
    this.warnings = parts.warnings;
    this.#open = parts.open;
    this.#opened = parts.opened;
    this.#directory = join(this.#folder, FIRST_STORE);
    this.volume = parts.volume;
  }

  /** Folder of the store. */
  get directory(): string {
    return this.#directory;
  }

  get fs(): FileSystem {
    return this.#opened.fs;
  }

  get system(): System {
    return this.#opened.system;
  }

  get policies(): Policies {
    return this.#opened.policies;
  }

  get collection(): Collection {
    return this.#opened.collection;
  }

  get proofs(): Proofs {
    return this.#opened.proofs;
  }

  get damageCount(): number {
    return this.#opened.damageCount;
  }

  /** As after a restart of the server; with `rebuild`, as if the index had been lost. */
  async reopen(options: { readonly rebuild?: boolean } = {}): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
    this.#opened = await this.#open(this.#directory, options.rebuild === true);
  }

  /** As after a kill of the server at this moment, and a restart. */
  async kill(): Promise<void> {
    const killed = `${this.#directory}-killed`;
    const filter = (path: string): boolean => !path.endsWith('-shm');
    cpSync(this.#directory, killed, { recursive: true, filter });
    await this.#opened[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
    renameSync(killed, this.#directory);
    this.#opened = await this.#open(this.#directory, false);
  }

  /** Closes the store, reads every byte of it and opens it again. Throws if anything is wrong. */
  async checkClosed(): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
    const { problems, notes } = await fsckStore({ directory: this.#directory });
    this.#opened = await this.#open(this.#directory, false);
    assert.deepEqual({ problems, notes }, { problems: [], notes: [] });
    assert.equal(this.damageCount, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async apply(change: Change, context: ChangeContext = ALICE): Promise<ChangeResult> {
    return await this.fs.apply(this.volume, change, context);
  }

  stat(path: string, at?: Moment): Entry {
    return this.fs.stat(this.volume, path, at);
  }

  /** Stores the chunks; returns the records of a new file log that makes a file of them. */
  async content(...pieces: readonly Piece[]): Promise<FileContent> {
    return { records: [newMeta(), ...(await this.fchunks(0, pieces))] };
  }

  /** Stores the chunks; returns the fchunks that put them, one behind the other, at `offset`. */
  async fchunks(offset: number, pieces: readonly Piece[]): Promise<Uint8Array[]> {
    const { fchunks, chunks } = layOut(offset, pieces);
    await Promise.all(
      chunks.map(async ({ chunk, data }) => this.fs.putChunk(this.volume, chunk, data)),
    );
    return fchunks.map(encodeFchunk);
  }

  /** Writes a file of these chunks with a new file log. */
  async put(
    path: string,
    pieces: Piece | readonly Piece[],
    options: PutOptions = {},
  ): Promise<ChangeResult> {
    const file = await this.content(...(isOne(pieces) ? [pieces] : pieces));
    return await this.apply({ kind: 'put', path, file, ...options });
  }

  /** Appends the chunks to the file as it is now. Throws `changed` if others are faster. */
  async append(path: string, ...pieces: readonly Piece[]): Promise<ChangeResult> {
    const entry = this.stat(path);
    const records = await this.fchunks(entry.size, pieces);
    return await this.extend(path, records, fileOf(entry).content);
  }

  /** Adds records to the file's log, if its content root is `content`. */
  async extend(
    path: string,
    records: readonly Uint8Array[],
    content: Uint8Array = fileOf(this.stat(path)).content,
  ): Promise<ChangeResult> {
    return await this.apply({ kind: 'extend', path, file: { records }, precondition: { content } });
  }

  async truncate(path: string, size: number): Promise<ChangeResult> {
    return await this.fs.truncate(this.volume, { path, size }, ALICE);
  }

  async manifest(path: string, at?: Moment): Promise<readonly Chunk[]> {
    return (await this.fs.manifest(this.volume, this.stat(path, at))).slice();
  }

  /** A whole file, its holes as zeros. */
  async read(path: string, at?: Moment): Promise<Uint8Array> {
    const entry = this.stat(path, at);
    const bytes = new Uint8Array(entry.size);
    for (const chunk of await this.fs.manifest(this.volume, entry)) {
      bytes.set(await this.fs.readChunk(this.volume, chunk), chunk.offset);
    }
    return bytes;
  }

  /** A whole file as text; the zeros of holes are shown as dots. */
  async text(path: string, at?: Moment): Promise<string> {
    return utf8Decode(await this.read(path, at)).replaceAll('\0', '.');
  }

  /** Everything in the volume, in the order of a listing. */
  entries(at?: Moment): readonly Entry[] {
    const moment = at === undefined ? {} : { at };
    const options = { recursive: true, limit: TREE_MAX, ...moment };
    return this.fs.list(this.volume, '', options).entries;
  }

  /** All paths of the volume; those of directories end in a slash, those of links name the target. */
  paths(at?: Moment): string[] {
    return this.entries(at).map(({ path, kind, target }) => {
      if (kind === 'symlink') return `${path} -> ${target}`;
      return kind === 'directory' ? `${path}/` : path;
    });
  }

  /** seq of the volume's newest record. */
  get seq(): number {
    return this.fs.list(this.volume, '', { recursive: false, limit: 1 }).seq;
  }

  /** The dentries of the directory log from `seq` on, as they are stored. */
  async dentriesFrom(seq: number): Promise<GDPfsDentry[]> {
    const commits = await this.fs.commits(this.volume, { seq, limit: TREE_MAX });
    return commits.flatMap((bytes) => {
      const { firstSeq, records } = decodeCommit(bytes);
      return records.slice(Math.max(0, seq - firstSeq)).flatMap((record) => {
        const body = decodeRecord(record);
        return body.case === 'dentry' ? [body.value] : [];
      });
    });
  }
}

/** The first record of a new file log. */
export function newMeta(): Uint8Array {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  return encodeFileMeta({ nonce, createdMs: 0, chunkSize: LIMITS.chunkBytesDefault });
}

export function fileOf(entry: Entry): FileState {
  assert(entry.file !== undefined, `"${entry.path}" is a file`);
  return entry.file;
}

/** The code with which `promise` is refused, or `ok`. Anything but a GdpfsError is thrown on. */
export async function outcome(promise: Promise<unknown>): Promise<ErrorCode | 'ok'> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    if (error instanceof GdpfsError) return error.code;
    throw error;
  }
}

function isOne(pieces: Piece | readonly Piece[]): pieces is Piece {
  return !Array.isArray(pieces);
}

/** The fchunks that say what `pieces` are, and the chunks to store for them. */
function layOut(
  start: number,
  pieces: readonly Piece[],
): {
  readonly fchunks: readonly Chunk[];
  readonly chunks: readonly { readonly chunk: Chunk; readonly data: Uint8Array }[];
} {
  const chunks: { chunk: Chunk; data: Uint8Array }[] = [];
  let offset = start;
  let dataEnd = start;
  for (const piece of pieces) {
    if (typeof piece === 'object' && 'hole' in piece) {
      offset += piece.hole;
      continue;
    }
    const data = typeof piece === 'string' ? utf8Encode(piece) : piece;
    const chunk = { offset, length: data.length, checksum: crc32(data), digest: sha256(data) };
    chunks.push({ chunk, data });
    offset += data.length;
    dataEnd = offset;
  }
  const fchunks = chunks.map(({ chunk }) => chunk);
  if (offset > dataEnd) {
    fchunks.push({ offset, length: 0, checksum: 0, digest: new Uint8Array(0) });
  }
  return { fchunks, chunks };
}
