import { randomBytes } from 'node:crypto';
import { bytesEqual } from '../base/bytes.ts';
import { blockStart, DIRECT_BLOCK_BYTES } from '../base/direct-io.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { RecentNames } from '../base/recent-names.ts';
import {
  decodeSegmentHeader,
  decodeWatermark,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  STORE_ID_BYTES,
  WATERMARK_BYTES,
  SEGMENT_VERSION,
  type SegmentVersion,
  WATERMARK_OFFSETS,
  type Watermark,
} from '../format/segment.ts';
import type { Disk, DiskFile } from './disk.ts';

/** Folder of the segment files, relative to the disk. */
export const SEGMENTS_DIRECTORY = 'segments';

/** The segments that a folder holds, by number; `open` is the one being written. */
export interface SegmentList {
  readonly sealed: readonly number[];
  readonly open: number | undefined;
}

/** `seg.new` is one that is being written anew; it means nothing yet. */
export function segmentPath(segment: number, state: 'open' | 'seg' | 'seg.new'): string {
  return `${SEGMENTS_DIRECTORY}/${String(segment).padStart(10, '0')}.${state}`;
}

/** Throws `corrupt` when a segment is missing in the row or two are open. */
export async function listSegments(disk: Disk): Promise<SegmentList> {
  const sealed: number[] = [];
  const open: number[] = [];
  for (const name of await disk.list(SEGMENTS_DIRECTORY)) {
    const match = /^(\d{10})\.(open|seg)$/.exec(name);
    if (match !== null) (match[2] === 'seg' ? sealed : open).push(Number(match[1]));
  }
  const all = [...sealed, ...open];
  if (open.length > 1 || all.some((segment, index) => segment !== index + 1)) {
    throw new GdpfsError('corrupt', `cannot open store: segments [${all.join(', ')}] have a gap`);
  }
  return { sealed, open: open[0] };
}

/** Makes a new, empty segment, its name durable. */
export async function createSegment(
  disk: Disk,
  header: { readonly storeId: Uint8Array; readonly segment: number },
): Promise<DiskFile> {
  const path = segmentPath(header.segment, 'open');
  const temporary = `${path}.new`;
  await disk.remove(temporary);
  const file = await disk.open(temporary, { create: true });
  try {
    await file.write([encodeSegmentHeader({ version: SEGMENT_VERSION, ...header })], 0);
    await file.sync();
    // Only a segment with a durable header ever has a segment's name.
    await disk.rename(temporary, path);
    await disk.syncDirectory(SEGMENTS_DIRECTORY);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** What a process left that was killed while it wrote segments anew. */
export async function removeLeftovers(disk: Disk): Promise<void> {
  for (const name of await disk.list(SEGMENTS_DIRECTORY)) {
    if (name.endsWith('.seg.new')) await disk.remove(`${SEGMENTS_DIRECTORY}/${name}`);
  }
}

export function createStoreId(): Uint8Array {
  return new Uint8Array(randomBytes(STORE_ID_BYTES));
}

/** The header page of a segment. Watermark slots that are damaged are counted, not trusted. */
export async function readSegmentHeader(
  file: DiskFile,
  segment: number,
): Promise<{
  version: SegmentVersion;
  storeId: Uint8Array;
  /** Undefined for a segment that was never written anew. */
  edition: Uint8Array | undefined;
  watermark: Watermark;
  damagedSlots: number;
}> {
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  const length = await file.read(page, 0);
  if (length < SEGMENT_HEADER_BYTES) {
    throw new GdpfsError('corrupt', `cannot open segment ${segment}: it is cut in its header`);
  }
  const header = decodeSegmentHeader(page);
  if (header.segment !== segment) {
    throw new GdpfsError('corrupt', `cannot open segment ${segment}: it says ${header.segment}`);
  }
  let watermark: Watermark = { count: 0, durable: SEGMENT_HEADER_BYTES };
  let damagedSlots = 0;
  for (const offset of WATERMARK_OFFSETS) {
    try {
      const slot = decodeWatermark(page.subarray(offset, offset + WATERMARK_BYTES));
      if (slot !== undefined && slot.count > watermark.count) watermark = slot;
    } catch {
      damagedSlots += 1;
    }
  }
  const { version, storeId, edition } = header;
  return { version, storeId, edition, watermark, damagedSlots };
}

export function checkStoreId(storeId: Uint8Array, expected: Uint8Array, segment: number): void {
  if (!bytesEqual(storeId, expected)) {
    throw new GdpfsError('corrupt', `cannot open segment ${segment}: it is of another store`);
  }
}

interface OpenFile {
  readonly file: Promise<DiskFile>;
  /** Reads that are under way. */
  readers: number;
  isEvicted: boolean;
}

/** Bytes of a segment. */
export interface SegmentRange {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** What `readAside` needs beside what it reads. At least a block of it lies before that. */
export const ROOM_BYTES: number = 3 * DIRECT_BLOCK_BYTES;

/** Reads from segments by number, with a bounded number of files kept open. */
export class SegmentReader {
  readonly #disk: Disk;
  /** Least recently used first. */
  readonly #files = new Map<number, OpenFile>();
  readonly #readLately = new RecentNames(LIMITS.readsRememberedMax);

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * The same, somewhere in `room`, which is longer by `ROOM_BYTES` and begins with a block: past the
   * page cache, unless something that begins at one of `starts` was read lately. What is read once goes
   * to one who wants all of a file; what is read again may be read often.
   */
  async readAside(
    place: SegmentRange,
    room: Uint8Array,
    starts: readonly number[],
  ): Promise<Uint8Array> {
    const { segment, offset, length } = place;
    const start = offset - (offset % DIRECT_BLOCK_BYTES);
    const before = DIRECT_BLOCK_BYTES + offset - start;
    const bytes = room.subarray(before, before + length);
    const known = starts.filter((each) => this.#readLately.add(`${segment}:${each}`));
    if (known.length > 0) return await this.read(place, bytes);
    const blocks = room.subarray(DIRECT_BLOCK_BYTES, blockStart(before + length));
    const count = await this.#use(segment, (file) => file.read(blocks, start, { aside: true }));
    requireLength({ segment, offset, length }, count - (offset - start));
    return bytes;
  }

  /** Bytes of the range, in `target` if given; throws `corrupt` if the segment is shorter. */
  async read(place: SegmentRange, target?: Uint8Array): Promise<Uint8Array> {
    const bytes = target ?? new Uint8Array(place.length);
    const count = await this.#use(place.segment, (file) => file.read(bytes, place.offset));
    requireLength(place, count);
    return bytes;
  }

  async #use<T>(segment: number, use: (file: DiskFile) => Promise<T>): Promise<T> {
    const opened = this.#take(segment);
    opened.readers += 1;
    try {
      return await use(await opened.file);
    } finally {
      opened.readers -= 1;
      closeIfUnused(opened);
    }
  }

  /** The segment's file, for one who reads segments one after the other: the next call may close it. */
  async file(segment: number): Promise<DiskFile> {
    return await this.#take(segment).file;
  }

  /** The segment has another file by now. Reads that are under way end with the former one. */
  drop(segment: number): void {
    const opened = this.#files.get(segment);
    this.#files.delete(segment);
    if (opened === undefined) return;
    opened.isEvicted = true;
    closeIfUnused(opened);
  }

  #take(segment: number): OpenFile {
    let opened = this.#files.get(segment);
    this.#files.delete(segment);
    opened ??= { file: this.#open(segment), readers: 0, isEvicted: false };
    this.#files.set(segment, opened);
    for (const [oldest, other] of this.#files) {
      if (this.#files.size <= LIMITS.segmentsOpenMax) break;
      this.#files.delete(oldest);
      other.isEvicted = true;
      closeIfUnused(other);
    }
    return opened;
  }

  async #open(segment: number): Promise<DiskFile> {
    try {
      // It may be sealed between the two attempts, so the name that it has last is tried last.
      try {
        return await this.#disk.open(segmentPath(segment, 'open'));
      } catch {
        return await this.#disk.open(segmentPath(segment, 'seg'));
      }
    } catch (error) {
      this.#files.delete(segment);
      throw error;
    }
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const { file } of files) await (await file).close();
  }
}

function requireLength({ segment, offset, length }: SegmentRange, count: number): void {
  if (count >= length) return;
  throw new GdpfsError(
    'corrupt',
    `cannot read segment ${segment} at ${offset}: it ends after ${Math.max(0, count)} bytes`,
  );
}

function closeIfUnused({ isEvicted, readers, file }: OpenFile): void {
  if (!isEvicted || readers > 0) return;
  void file.then(async (opened) => opened.close()).catch(() => undefined);
}
