import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asBuffer, base64urlEncode, bytesEqual } from '../base/bytes.ts';
import { crc32, formatDigest, sha256Async } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { type Commit, decodeCommit, decodeResults } from '../format/commit.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { checkPins } from '../format/file-pins.ts';
import {
  CHUNK_PREFIX_BYTES,
  decodeCommitPayload,
  FOOTER_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FrameHeader,
  SEGMENT_HEADER_BYTES,
  type TableEntry,
} from '../format/segment.ts';
import { policyOf } from '../format/policy-change.ts';
import { type ChainState, verifyCommit } from '../format/volume-chain.ts';
import type { Disk } from '../storage/disk.ts';
import { scanFrames } from '../storage/frame-scan.ts';
import { lockStore } from '../storage/lock.ts';
import { openNodeDisk } from '../storage/node-disk.ts';
import { checkHeaderPage } from '../storage/segment-check.ts';
import { tableEntry } from '../storage/replay-visitor.ts';
import { listSegments, SegmentReader } from '../storage/segment-files.ts';
import { readTable } from '../storage/sealed-segment.ts';
import { FsckSystem } from './fsck-system.ts';
import { FsckTables } from './fsck-tables.ts';

/** Something that is not as it was written. */
export interface Problem {
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
  readonly what: string;
}

export interface FsckReport {
  readonly segments: number;
  readonly volumes: number;
  readonly commits: number;
  readonly records: number;
  readonly chunks: number;
  /** Of chunk data. */
  readonly bytes: number;
  /** Chunks that are not stored, and that no kept state names. */
  readonly trimmed: number;
  readonly problems: readonly Problem[];
  /** Worth knowing, but no damage: such as a torn tail that was never acknowledged. */
  readonly notes: readonly string[];
}

export interface FsckOptions {
  /** Folder of the store. */
  readonly directory: string;
  readonly disk?: Disk;
  readonly onProgress?: (progress: { readonly segment: number; readonly bytes: number }) => void;
  /** Ends the check between two frames. */
  readonly signal?: AbortSignal;
}

/**
 * Reads every byte of a store that no server has open, and changes nothing: headers, frames, chunk
 * digests, tables, the chain of signed commits of every volume, and that every file version finds its
 * chunks. Throws `locked` if a server runs on it.
 */
export async function fsckStore(options: FsckOptions): Promise<FsckReport> {
  using _lock = lockStore(options.directory);
  const scratch = mkdtempSync(join(tmpdir(), 'gdpfs-fsck-'));
  try {
    using tables = new FsckTables(join(scratch, 'fsck.sqlite'));
    const check = new StoreCheck(options, tables);
    await check.run();
    return check.report();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

class StoreCheck {
  readonly #disk: Disk;
  readonly #options: FsckOptions;
  readonly #tables: FsckTables;
  readonly #reader: SegmentReader;
  readonly #problems: Problem[] = [];
  readonly #notes: string[] = [];
  readonly #chains = new Map<string, ChainState>();
  /** Volumes whose chain is broken: what follows cannot be judged. */
  readonly #broken = new Set<string>();
  #segments = 0;
  #commits = 0;
  #records = 0;
  #chunks = 0;
  #bytes = 0;
  #trimmed = 0;
  readonly #system = new FsckSystem();
  #storeId: Uint8Array | undefined;

  constructor(options: FsckOptions, tables: FsckTables) {
    this.#options = options;
    this.#disk = options.disk ?? openNodeDisk(options.directory);
    this.#tables = tables;
    this.#reader = new SegmentReader(this.#disk);
  }

  report(): FsckReport {
    return {
      segments: this.#segments,
      volumes: this.#chains.size,
      commits: this.#commits,
      records: this.#records,
      chunks: this.#chunks,
      bytes: this.#bytes,
      trimmed: this.#trimmed,
      problems: this.#problems,
      notes: this.#notes,
    };
  }

  async run(): Promise<void> {
    const list = await this.#guard(1, 0, async () => listSegments(this.#disk));
    if (list === undefined) return;
    for (const segment of list.sealed) {
      await this.#guard(segment, 0, async () => this.#checkSegment(segment, 'sealed'));
    }
    const { open } = list;
    if (open !== undefined) {
      await this.#guard(open, 0, async () => this.#checkSegment(open, 'open'));
    }
    this.#checkKept();
    await this.#reader.close();
  }

  /** What is not stored is lost if a kept state names it; otherwise it was trimmed. */
  #checkKept(): void {
    for (const { volume, count } of this.#tables.missingChunks()) {
      this.#trimmed += count;
      const key = asBuffer(volume).toString('latin1');
      if (this.#system.isRemoved(key)) continue;
      const trimSeq = this.#system.trimSeq(key);
      const chain = this.#chains.get(key);
      if (trimSeq === 0 || chain === undefined) this.#tables.keepAll(volume);
      else this.#tables.keep(volume, { trimSeq, snapshots: policyOf(chain).snapshots });
    }
    for (const { volume, digest, segment, offset } of this.#tables.lostChunks()) {
      this.#trimmed -= 1;
      const what = `chunk ${formatDigest(digest)} of volume ${base64urlEncode(volume)}`;
      this.#problem({ segment, offset }, `${what} is named by a file but not stored`);
    }
  }

  async #checkSegment(segment: number, state: 'sealed' | 'open'): Promise<void> {
    const file = await this.#reader.file(segment);
    const size = await file.size();
    this.#segments += 1;
    const page = await checkHeaderPage(file, segment);
    for (const problem of page.problems)
      this.#problem({ segment, offset: problem.offset }, problem.what);
    this.#storeId ??= page.storeId;
    if (page.storeId !== undefined && !bytesEqual(page.storeId, this.#storeId ?? page.storeId)) {
      this.#problem({ segment, offset: 0 }, 'the segment belongs to another store');
    }
    if (page.durable > size) {
      this.#problem({ segment, offset: size }, `${page.durable - size} durable bytes are cut off`);
    }
    const storeId = page.storeId ?? this.#storeId;
    if (storeId === undefined) return;
    const end = state === 'sealed' ? size - FOOTER_BYTES : size;
    const frames: TableEntry[] = [];
    let sawTable = false;
    const from = SEGMENT_HEADER_BYTES;
    for await (const item of scanFrames(file, {
      storeId,
      segment,
      from,
      end,
      payloadsFrom: from,
    })) {
      this.#options.signal?.throwIfAborted();
      if (item.kind === 'damage') {
        const isTail = state === 'open' && item.offset >= page.durable;
        if (isTail) {
          this.#notes.push(
            `segment ${segment}: ${size - item.offset} bytes were never acknowledged`,
          );
          break;
        }
        this.#problem({ segment, offset: item.offset }, `${item.length} bytes are damaged`);
        continue;
      }
      sawTable ||= item.header.kind === FRAME_KIND.table;
      await this.#checkFrame(item.header, item.payload, frames);
      this.#options.onProgress?.({ segment, bytes: this.#bytes });
    }
    if (state === 'sealed') await this.#checkTable(segment, { frames, sawTable, size });
  }

  async #checkFrame(header: FrameHeader, payload: Uint8Array, frames: TableEntry[]): Promise<void> {
    const { kind, segment, offset } = header;
    if (kind === FRAME_KIND.table) return;
    const frame = tableEntry(header, payload);
    const { volume, digest } = frame;
    frames.push(frame);
    if (kind === FRAME_KIND.commit) {
      await this.#guard(segment, offset, async () => this.#checkCommit(payload, header));
    }
    if (kind !== FRAME_KIND.chunk) return;
    const data = payload.subarray(CHUNK_PREFIX_BYTES);
    this.#chunks += 1;
    this.#bytes += data.length;
    if (bytesEqual(await sha256Async(data), digest)) {
      this.#tables.addChunk({ volume, digest, length: data.length, checksum: crc32(data) });
    } else {
      this.#problem({ segment, offset }, `the bytes of chunk ${formatDigest(digest)} have changed`);
    }
  }

  #checkCommit(payload: Uint8Array, header: FrameHeader): void {
    const { commit: bytes, results } = decodeCommitPayload(payload);
    const commit = decodeCommit(bytes);
    decodeResults(results);
    const key = asBuffer(commit.volume).toString('latin1');
    if (this.#broken.has(key)) return;
    this.#commits += 1;
    this.#records += commit.records.length;
    try {
      const state = verifyCommit(this.#chains.get(key), commit);
      this.#chains.set(key, state);
      if (state.kind === LogKind.SYSTEM) this.#system.add(commit);
      this.#checkTree(commit, { header, state });
    } catch (error) {
      this.#broken.add(key);
      throw error;
    }
  }

  #checkTree(
    commit: Commit,
    { header, state }: { readonly header: FrameHeader; readonly state: ChainState },
  ): void {
    const { segment, offset } = header;
    const checked = checkPins(commit, this.#tables.fileLogs(commit.volume));
    const dentries = checked.map(({ dentry }) => dentry);
    const root = this.#tables.trees.apply(commit.volume, dentries);
    if (state.state !== undefined && !bytesEqual(root, state.state)) {
      throw new GdpfsError(
        'untrusted',
        `cannot verify commit at ${commit.firstSeq}: its tree is not the one that was signed`,
      );
    }
    for (const { manifest } of checked) {
      if (manifest === undefined) continue;
      for (const chunk of manifest.chunks) {
        this.#tables.addReference({ volume: commit.volume, ...chunk, segment, offset });
      }
    }
  }

  async #checkTable(
    segment: number,
    found: {
      readonly frames: readonly TableEntry[];
      readonly sawTable: boolean;
      readonly size: number;
    },
  ): Promise<void> {
    if (!found.sawTable) this.#problem({ segment, offset: found.size }, 'the table is missing');
    const { entries, tableOffset } = await readTable(this.#reader, segment);
    const listed = new Map(entries.map((entry) => [entry.offset, entry]));
    for (const frame of found.frames) {
      const entry = listed.get(frame.offset);
      listed.delete(frame.offset);
      const isSame =
        entry !== undefined &&
        entry.kind === frame.kind &&
        entry.length === frame.length &&
        bytesEqual(entry.volume, frame.volume) &&
        bytesEqual(entry.digest, frame.digest);
      if (!isSame) this.#problem({ segment, offset: frame.offset }, 'the table says otherwise');
    }
    // What the table lists and the scan has not found was reported as damaged bytes already, unless
    // nothing at all lies there.
    for (const entry of listed.values()) {
      if (entry.offset + FRAME_HEADER_BYTES + entry.length > tableOffset) {
        this.#problem({ segment, offset: entry.offset }, 'the table lists a frame behind its end');
      }
    }
  }

  #problem(place: { readonly segment: number; readonly offset: number }, what: string): void {
    this.#problems.push({ ...place, what });
  }

  /** Runs a check; what it throws as an expected error is a problem at the place. */
  async #guard<T>(
    segment: number,
    offset: number,
    check: () => T | Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await check();
    } catch (error) {
      if (!isGdpfsError(error)) throw error;
      this.#problem({ segment, offset }, error.message);
      return undefined;
    }
  }
}
