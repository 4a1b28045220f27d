import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesEqual } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { decodeCommit } from '../../src/format/commit.ts';
import {
  FOOTER_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  SEGMENT_HEADER_BYTES,
  WATERMARK_BYTES,
  WATERMARK_OFFSETS,
} from '../../src/format/segment.ts';
import { type ChainState, verifyCommit } from '../../src/format/volume-chain.ts';
import { type OpenedFileSystem, openFileSystem, type OpenOptions } from '../../src/fs/open.ts';
import { indexPath } from '../../src/log/open.ts';
import { scanFrames } from '../../src/storage/frame-scan.ts';
import { readSegmentHeader } from '../../src/storage/segment-files.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { Random } from './random.ts';
import { Scratch } from './scratch.ts';
import { randomFile } from './workload.ts';

const [SLOT_A, SLOT_B] = WATERMARK_OFFSETS;

/** What lies at a range of a segment file. */
export interface Region {
  readonly path: string;
  readonly what: 'header' | 'unused' | 'watermark' | 'chunk' | 'commit' | 'table' | 'footer';
  readonly offset: number;
  readonly length: number;
  /** Chunks and commits. */
  readonly volume?: Uint8Array;
  /** Chunks. */
  readonly digest?: Uint8Array;
}

interface StoredFile {
  readonly volume: Uint8Array;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly digests: readonly Uint8Array[];
}

/** What became of the files and commits of a damaged store. */
export interface Found {
  /** Undefined if the store was refused. */
  readonly damageCount: number | undefined;
  /** Files that answered `corrupt`. */
  readonly corrupt: readonly StoredFile[];
  /** Files that are not there, by what the store says. */
  readonly missing: readonly StoredFile[];
  /** Volumes that give fewer commits than were acknowledged. */
  readonly shortened: readonly Uint8Array[];
  /** Volumes whose commits answer `corrupt`. */
  readonly unreadable: readonly Uint8Array[];
  /** Volumes that take no change. */
  readonly closed: readonly Uint8Array[];
}

export const SOUND: Found = {
  damageCount: 0,
  corrupt: [],
  missing: [],
  shortened: [],
  unreadable: [],
  closed: [],
};

const LIMITS = {
  segmentBytesMax: 28_200,
  segmentEntriesMax: 1000,
  segmentQueueBytesMax: 2 ** 20,
  paddedFrameBytesMin: 800,
};

/** A store on a real folder, closed, whose files can be damaged and put back. */
export class DamageLab implements Disposable {
  readonly #scratch = new Scratch();
  readonly #random = new Random(1);
  readonly files: StoredFile[] = [];
  readonly volumes: Uint8Array[] = [];
  /** Acknowledged commits of each volume. */
  readonly #commits: number[] = [];
  #pristine = new Map<string, Uint8Array>();
  regions: Region[] = [];

  static async create(): Promise<DamageLab> {
    const lab = new DamageLab();
    const store = await lab.open();
    for (const alias of ['one', 'two']) {
      const options = { alias, owner: 'alice', chunking: 'fixed' } as const;
      lab.volumes.push((await store.fs.createVolume(options, { author: 'alice' })).name);
      lab.#commits.push(1);
    }
    for (let count = 0; count < 20; count++) await lab.#addFile(store, count);
    await store[Symbol.asyncDispose]();
    for (const name of lab.segmentNames()) {
      lab.#pristine.set(`segments/${name}`, lab.read(`segments/${name}`));
      lab.regions.push(...(await lab.#regionsOf(`segments/${name}`)));
    }
    lab.#pristine.set('index.sqlite', lab.read('index.sqlite'));
    return lab;
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }

  get directory(): string {
    return join(this.#scratch.path, 'store');
  }

  async open(more: Pick<OpenOptions, 'rebuild' | 'signal'> = {}): Promise<OpenedFileSystem> {
    return await openFileSystem({
      ...more,
      directory: this.directory,
      keysDirectory: join(this.#scratch.path, 'keys'),
      clock: { now: () => 1_800_000_000_000 },
      segmentLimits: LIMITS,
      warn: () => undefined,
    });
  }

  segmentNames(): string[] {
    return readdirSync(join(this.directory, 'segments')).sort();
  }

  read(path: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.directory, path)));
  }

  size(path: string): number {
    return statSync(join(this.directory, path)).size;
  }

  write(path: string, bytes: Uint8Array): void {
    writeFileSync(join(this.directory, path), bytes);
  }

  remove(path: string): void {
    rmSync(join(this.directory, path));
  }

  flip(path: string, offset: number): void {
    const bytes = this.read(path);
    bytes[offset] = (bytes[offset] ?? assert.fail()) ^ (1 << this.#random.integer(0, 7));
    this.write(path, bytes);
  }

  /** Everything as it was, and the index with it. */
  restore(): void {
    for (const name of this.segmentNames()) {
      if (!this.#pristine.has(`segments/${name}`)) this.remove(`segments/${name}`);
    }
    this.dropIndex();
    for (const [path, bytes] of this.#pristine) this.write(path, bytes);
  }

  dropIndex(): void {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(indexPath(this.directory) + suffix, { force: true });
    }
  }

  /** Opens the store and reads all of it. Bytes or history that are wrong fail the test. */
  async look(): Promise<Found> {
    let store: OpenedFileSystem;
    try {
      store = await this.open();
    } catch (error) {
      assert(isGdpfsError(error, 'corrupt'), String(error));
      return { ...SOUND, damageCount: undefined };
    }
    try {
      const corrupt: StoredFile[] = [];
      const missing: StoredFile[] = [];
      for (const file of this.files) {
        const outcome = await readFile(store, file);
        if (outcome === 'corrupt') corrupt.push(file);
        if (outcome === 'not_found') missing.push(file);
      }
      const shortened: Uint8Array[] = [];
      const unreadable: Uint8Array[] = [];
      const closed: Uint8Array[] = [];
      for (const [index, volume] of this.volumes.entries()) {
        const count = await readHistory(store, volume);
        if (count === 'corrupt') unreadable.push(volume);
        else if (count !== this.#commits[index]) shortened.push(volume);
        if (!(await takesChanges(store, volume))) closed.push(volume);
      }
      return { damageCount: store.damageCount, corrupt, missing, shortened, unreadable, closed };
    } finally {
      await store[Symbol.asyncDispose]();
    }
  }

  async #addFile(store: OpenedFileSystem, count: number): Promise<void> {
    const index = count % this.volumes.length;
    const volume = this.volumes[index] ?? assert.fail();
    const { file, chunks, bytes } = randomFile(this.#random, this.#random.integer(100, 3500));
    const digests = chunks.map(sha256);
    for (const [at, data] of chunks.entries()) {
      await store.fs.putChunk(volume, { digest: digests[at] ?? assert.fail() }, data);
    }
    const path = `d${count % 3}/f${count}`;
    await store.fs.apply(volume, { kind: 'put', path, file, parents: true }, { author: 'alice' });
    this.files.push({ volume, path, bytes, digests });
    this.#commits[index] = (this.#commits[index] ?? 0) + 1;
  }

  async #regionsOf(path: string): Promise<Region[]> {
    const file = await openNodeDisk(this.directory).open(path);
    const segment = Number(/\d{10}/.exec(path)?.[0]);
    const size = await file.size();
    const isSealed = path.endsWith('.seg');
    const regions: Region[] = [
      { path, what: 'header', offset: 0, length: 32 },
      { path, what: 'unused', offset: 32, length: SLOT_A - 32 },
      { path, what: 'watermark', offset: SLOT_A, length: WATERMARK_BYTES },
      {
        path,
        what: 'unused',
        offset: SLOT_A + WATERMARK_BYTES,
        length: SLOT_B - SLOT_A - WATERMARK_BYTES,
      },
      { path, what: 'watermark', offset: SLOT_B, length: WATERMARK_BYTES },
      {
        path,
        what: 'unused',
        offset: SLOT_B + WATERMARK_BYTES,
        length: SEGMENT_HEADER_BYTES - SLOT_B - WATERMARK_BYTES,
      },
    ];
    const { storeId } = await readSegmentHeader(file, segment);
    const from = SEGMENT_HEADER_BYTES;
    const end = isSealed ? size - FOOTER_BYTES : size;
    for await (const item of scanFrames(file, {
      storeId,
      segment,
      from,
      end,
      payloadsFrom: from,
    })) {
      assert(item.kind === 'frame');
      const { kind, offset } = item.header;
      const place = { path, offset, length: FRAME_HEADER_BYTES + item.header.length };
      if (kind === FRAME_KIND.table) regions.push({ ...place, what: 'table' });
      else if (kind === FRAME_KIND.commit) {
        regions.push({ ...place, what: 'commit', volume: item.payload.slice(4, 36) });
      } else {
        const [volume, digest] = [item.payload.slice(0, 32), item.payload.slice(32, 64)];
        regions.push({ ...place, what: 'chunk', volume, digest });
      }
    }
    if (isSealed) regions.push({ path, what: 'footer', offset: end, length: FOOTER_BYTES });
    await file.close();
    return regions;
  }
}

async function readFile(
  { fs }: OpenedFileSystem,
  { volume, path, bytes }: StoredFile,
): Promise<'good' | 'corrupt' | 'not_found'> {
  try {
    const entry = fs.stat(volume, path);
    assert.equal(entry.size, bytes.length);
    for (const chunk of await fs.manifest(volume, entry)) {
      const data = await fs.readChunk(volume, chunk);
      const expected = bytes.subarray(chunk.offset, chunk.offset + chunk.length);
      assert(bytesEqual(data, expected), `${path} has wrong bytes`);
    }
    return 'good';
  } catch (error) {
    if (isGdpfsError(error, 'corrupt')) return 'corrupt';
    if (isGdpfsError(error, 'not_found')) return 'not_found';
    throw error;
  }
}

async function takesChanges({ fs }: OpenedFileSystem, volume: Uint8Array): Promise<boolean> {
  try {
    await fs.apply(volume, { kind: 'mkdir', path: 'new', parents: true }, { author: 'alice' });
    return true;
  } catch (error) {
    assert(isGdpfsError(error, 'read_only', 'not_found'), String(error));
    return false;
  }
}

/** Commits that the volume gives, each of them verified. */
async function readHistory(
  { fs }: OpenedFileSystem,
  volume: Uint8Array,
): Promise<number | 'corrupt'> {
  try {
    let state: ChainState | undefined;
    const commits = await fs.commits(volume, { seq: 0, limit: 1000 });
    for (const bytes of commits) state = verifyCommit(state, decodeCommit(bytes));
    return commits.length;
  } catch (error) {
    if (isGdpfsError(error, 'corrupt')) return 'corrupt';
    assert(isGdpfsError(error, 'not_found'), String(error));
    return 0;
  }
}
