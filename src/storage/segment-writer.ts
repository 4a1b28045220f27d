import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  decodeTable,
  encodeTable,
  encodeWatermark,
  FRAME_HEADER_BYTES,
  PADDING_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION,
  type SegmentVersion,
  TableBuilder,
  type TableEntry,
  WATERMARK_OFFSETS,
} from '../format/segment.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { Reserve } from './reserve.ts';
import { SegmentCounts, type SegmentStatus } from './segment-counts.ts';
import { createSegment, SEGMENTS_DIRECTORY, segmentPath } from './segment-files.ts';
import {
  type FrameInput,
  type FrameLocation,
  isPadded,
  paddedBytesMin,
  payloadBytes,
  SegmentLayout,
} from './segment-layout.ts';

export interface OpenSegment {
  readonly segment: number;
  readonly version: SegmentVersion;
  readonly file: DiskFile;
  /** Where the next frame goes: everything before it is durable. */
  readonly tail: number;
  readonly watermarkCount: number;
  readonly table: TableBuilder;
}

/** When a segment is full, and how much may wait for it. Tests make them small. */
export interface SegmentLimits {
  readonly segmentBytesMax: number;
  /** Frames. */
  readonly segmentEntriesMax: number;
  /** Bytes of the payload of a chunk in front of which there is padding. */
  readonly paddedFrameBytesMin: number;
  /** Bytes accepted but not yet durable. */
  readonly segmentQueueBytesMax: number;
}

export interface AppendOptions {
  /** Removals and the like, which free space: they may use the reserve of a full disk. */
  readonly urgent?: boolean;
  /** The frames, if there are any, begin a new segment: the one that is open is sealed. */
  readonly isSealing?: boolean;
}

interface Waiting {
  readonly urgent: boolean;
  readonly isSealing: boolean;
  readonly frames: readonly FrameInput[];
  /** Bytes and entries of the table: as many as it may come to with padding. */
  readonly bytes: number;
  readonly entries: number;
  readonly resolve: (locations: FrameLocation[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends frames to the open segment with group commit: all that waits is written together, synced
 * once, and then acknowledged together. Frames of one `append` lie one behind the other, in the order
 * of the calls.
 *
 * Commit points: (1) frames are written behind the tail, (2) durably; (3) the watermark is written to
 * the header page; it need not be synced, since a kill keeps it and after a power loss an older one is
 * true as well; (4) the callers are told. A crash before (2) may leave any part of the group,
 * which recovery cuts off at the first frame that is not whole.
 */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #storeId: Uint8Array;
  readonly #reserve: Reserve;
  readonly #limits: SegmentLimits;
  readonly #onDurable: (entry: TableEntry, location: FrameLocation) => void;
  #open: OpenSegment;
  /** The open segment has been sealed and its successor does not exist yet. */
  #isSealed = false;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #spaceWaiters: (() => void)[] = [];
  #running: Promise<void> | undefined;
  /** Set for good by a failure after which nobody can say what is on the disk. */
  #poison: GdpfsError | undefined;
  #closed = false;
  readonly #counts = new SegmentCounts();
  /** Tells the callers of the last group that it is durable. */
  #answer: (() => void) | undefined;
  /** Free space behind the last group, for the one that waited then. */
  #freeBytes: number | undefined;
  /** That the sealed segments take of the disk. */
  #sealedBytes: number;

  constructor(options: {
    readonly disk: Disk;
    readonly storeId: Uint8Array;
    readonly reserve: Reserve;
    readonly open: OpenSegment;
    readonly limits: SegmentLimits;
    /** That the sealed segments take of the disk. */
    readonly sealedBytes: number;
    /** Called for every frame in order, before `position` moves past it. */
    readonly onDurable: (entry: TableEntry, location: FrameLocation) => void;
  }) {
    this.#disk = options.disk;
    this.#storeId = options.storeId;
    this.#reserve = options.reserve;
    this.#limits = options.limits;
    this.#onDurable = options.onDurable;
    this.#open = options.open;
    this.#sealedBytes = options.sealedBytes;
  }

  get status(): SegmentStatus {
    const hasFailed = this.#poison !== undefined;
    const diskBytes = this.#sealedBytes + (this.#isSealed ? 0 : this.#open.tail);
    return { counts: this.#counts, diskBytes, waitingBytes: this.#waitingBytes, hasFailed };
  }

  /** A sealed segment was written anew, and takes so much less of the disk. */
  noteRewritten(freedBytes: number): void {
    this.#sealedBytes -= freedBytes;
    this.#counts.rewritten += 1;
    this.#counts.freedBytes += freedBytes;
  }

  /** The end of what is durable. */
  get position(): { readonly segment: number; readonly offset: number } {
    return { segment: this.#open.segment, offset: this.#open.tail };
  }

  /** The frames of the segment that is open, as its table will list them. */
  get openEntries(): TableEntry[] {
    return decodeTable(Buffer.concat(this.#open.table.payload()));
  }

  /**
   * Resolves with the frames' places once they are durable. Waits while more than
   * `segmentQueueBytesMax` are on their way. Throws `no_space` when the disk is full (nothing is kept, and a later append
   * may succeed), `unavailable` after a failure that needs a restart.
   */
  async append(
    frames: readonly FrameInput[],
    options: AppendOptions = {},
  ): Promise<FrameLocation[]> {
    while (this.#waitingBytes > this.#limits.segmentQueueBytesMax) {
      await new Promise<void>((resolve) => this.#spaceWaiters.push(resolve));
    }
    if (this.#closed) throw new GdpfsError('unavailable', 'cannot append: the store is closed');
    if (this.#poison !== undefined) throw this.#poison;
    const size = this.#sizeOf(frames);
    return await new Promise((resolve, reject) => {
      const { urgent = false, isSealing = false } = options;
      this.#waiting.push({ frames, ...size, urgent, isSealing, resolve, reject });
      this.#waitingBytes += size.bytes;
      this.#running ??= this.#run();
    });
  }

  #sizeOf(frames: readonly FrameInput[]): Pick<Waiting, 'bytes' | 'entries'> {
    let bytes = 0;
    let entries = frames.length;
    for (const frame of frames) {
      const length = payloadBytes(frame);
      if (length > LIMITS.frameBytesMax) {
        throw new GdpfsError('body_too_large', `cannot append frame: it has ${length} bytes`);
      }
      bytes += FRAME_HEADER_BYTES + length;
      if (!isPadded(frame, this.#limits.paddedFrameBytesMin)) continue;
      bytes += PADDING_BYTES_MAX;
      entries += 1;
    }
    return { bytes, entries };
  }

  /** Finishes what waits and closes the segment's file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    if (!this.#isSealed) await this.#open.file.close();
  }

  async #run(): Promise<void> {
    // What comes in the same turn of the event loop shares the sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const all = this.#takeGroup();
      await this.#settle(all);
      for (const waiting of all) this.#waitingBytes -= waiting.bytes;
      for (const wake of this.#spaceWaiters.splice(0)) wake();
      if (this.#waiting.length === 0) this.#tell();
    }
    this.#running = undefined;
  }

  /** What is written next: all that waits, as far as one segment's table can list it. */
  #takeGroup(): readonly Waiting[] {
    let entries = 0;
    const tooMany = this.#waiting.findIndex((waiting, index) => {
      entries += waiting.entries;
      return index > 0 && entries > this.#limits.segmentEntriesMax;
    });
    return this.#waiting.splice(0, tooMany < 0 ? this.#waiting.length : tooMany);
  }

  #tell(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.();
  }

  /** Answers everyone in the group, or leaves that to `#tell`. Never throws. */
  async #settle(all: readonly Waiting[]): Promise<void> {
    let group = all;
    try {
      group = await this.#admit(all);
      const locations = group.length > 0 ? await this.#writeGroup(group) : [];
      const written = group;
      this.#tell();
      this.#answer = () => {
        for (const [index, { resolve }] of written.entries()) resolve(locations[index] ?? []);
      };
    } catch (error) {
      this.#tell();
      const failure = await this.#recover(error);
      for (const waiting of group) waiting.reject(failure);
    }
  }

  /** Refuses what does not fit on the disk before anything of it is written. */
  async #admit(all: readonly Waiting[]): Promise<readonly Waiting[]> {
    if (this.#poison !== undefined) throw this.#poison;
    const bytes = all.reduce((sum, waiting) => sum + waiting.bytes, 0);
    const freeBytes = this.#freeBytes;
    this.#freeBytes = undefined;
    // Nobody waits for that too.
    if (freeBytes === undefined) this.#tell();
    if (await this.#reserve.hasRoomFor(bytes, freeBytes)) return all;
    const error = new GdpfsError('no_space', 'cannot store data: the disk is full', {
      hint: 'remove files, or give the server a larger disk',
    });
    for (const waiting of all) if (!waiting.urgent) waiting.reject(error);
    const urgent = all.filter((waiting) => waiting.urgent);
    if (urgent.length > 0) await this.#reserve.release();
    return urgent;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<FrameLocation[][]> {
    if (this.#isSealed || this.#isFull(group)) {
      this.#tell();
      if (!this.#isSealed) await this.#seal();
      await this.#begin();
    }
    const { segment, version, file, table, watermarkCount, tail: start } = this.#open;
    const place = { segment, storeId: this.#storeId, tail: start };
    const { paddedFrameBytesMin } = this.#limits;
    const layout = new SegmentLayout(place, paddedBytesMin(version, paddedFrameBytesMin));
    const locations = group.map(({ frames }) => frames.map((frame) => layout.add(frame)));
    const { parts, entries, tail } = layout;
    if (entries.length === 0) return locations;
    const startMs = performance.now();
    const writing = file.writeDurably(parts, start);
    // Who is told may keep the thread for long: what waited is on its way to the disk by then.
    this.#tell();
    await writing;
    this.#counts.syncSeconds.observe((performance.now() - startMs) / 1000);
    this.#counts.bytes += tail - start;
    const count = watermarkCount + 1;
    const isNext = this.#waiting.length > 0;
    [this.#freeBytes] = await Promise.all([
      // If it cannot be measured, whoever waits is told when it is measured again.
      isNext ? this.#disk.freeBytes().catch(() => undefined) : undefined,
      writeWatermark(file, { count, durable: tail }),
    ]);
    for (const entry of entries) {
      table.add(entry);
      this.#counts.add(entry.kind, entry.length);
      this.#onDurable(entry, { segment, offset: entry.offset, length: entry.length });
    }
    this.#open = { segment, version, file, tail, watermarkCount: count, table };
    return locations;
  }

  /** A table never lists more than the limit, or it could not be read. */
  #isFull(group: readonly Waiting[]): boolean {
    const { tail, table } = this.#open;
    if (this.#isSealed || table.count === 0) return false;
    if (group.some(({ isSealing }) => isSealing)) return true;
    const entries = group.reduce((sum, waiting) => sum + waiting.entries, 0);
    const { segmentBytesMax, segmentEntriesMax } = this.#limits;
    return tail >= segmentBytesMax || table.count + entries > segmentEntriesMax;
  }

  async #seal(): Promise<void> {
    await sealSegment(this.#disk, { ...this.#open, storeId: this.#storeId });
    this.#isSealed = true;
    this.#sealedBytes += this.#open.tail;
  }

  async #begin(): Promise<void> {
    const segment = this.#open.segment + 1;
    this.#open = {
      segment,
      version: SEGMENT_VERSION,
      file: await createSegment(this.#disk, { storeId: this.#storeId, segment }),
      tail: SEGMENT_HEADER_BYTES,
      watermarkCount: 0,
      table: new TableBuilder(),
    };
    this.#isSealed = false;
  }

  /**
   * On a full disk the file is cut back to what was acknowledged, for good: `no_space` promises that
   * nothing happened. After any other failure nobody knows what is on the disk (a failed sync may have
   * dropped dirty pages and called them clean), so nothing is written until a restart has looked.
   */
  async #recover(error: unknown): Promise<GdpfsError> {
    if (this.#poison !== undefined) return this.#poison;
    let failure = error;
    if (isGdpfsError(error, 'no_space')) {
      try {
        await this.#cutBack();
        return error;
      } catch (cutError) {
        failure = cutError;
      }
    }
    this.#poison = new GdpfsError('unavailable', 'cannot write: the store failed', {
      cause: failure,
      hint: 'restart the server; it checks and repairs its newest segment at start',
    });
    return this.#poison;
  }

  async #cutBack(): Promise<void> {
    const { file, tail } = this.#open;
    if (this.#isSealed || (await file.size()) === tail) return;
    await file.truncate(tail);
    await file.sync();
  }
}

/** Notes how far the segment is durable. It need not be synced: an older watermark is true as well. */
export async function writeWatermark(
  file: DiskFile,
  watermark: { readonly count: number; readonly durable: number },
): Promise<void> {
  const offset = WATERMARK_OFFSETS[watermark.count % 2 === 0 ? 0 : 1];
  await file.write([encodeWatermark(watermark)], offset);
}

/** Writes table and footer behind the tail, then gives the file its sealed name. Repeatable. */
export async function sealSegment(
  disk: Disk,
  open: Pick<OpenSegment, 'segment' | 'file' | 'table' | 'tail'> & { readonly storeId: Uint8Array },
): Promise<void> {
  const { storeId, segment, tail: offset } = open;
  const end = encodeTable(open.table, { storeId, segment, offset });
  await open.file.write(end, offset);
  await open.file.truncate(end.reduce((sum, { length }) => sum + length, offset));
  await open.file.sync();
  try {
    await disk.rename(segmentPath(open.segment, 'open'), segmentPath(open.segment, 'seg'));
    await disk.syncDirectory(SEGMENTS_DIRECTORY);
  } catch (cause) {
    // Whatever it was, even a full disk: the file may have either name now.
    throw new GdpfsError('local_io', `cannot seal segment ${open.segment}`, { cause });
  }
  await open.file.close();
}
