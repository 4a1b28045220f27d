import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION,
  TableBuilder,
  WATERMARK_OFFSETS,
} from '../format/segment.ts';
import type { Disk, DiskFile } from './disk.ts';
import { scanFrames } from './frame-scan.ts';
import {
  asDamage,
  notAPlace,
  type Position,
  type ReplayVisitor,
  replayFrame,
  tableEntry,
} from './replay-visitor.ts';
import { Reserve } from './reserve.ts';
import type { SegmentStatus } from './segment-counts.ts';
import {
  checkStoreId,
  createSegment,
  createStoreId,
  listSegments,
  readSegmentHeader,
  removeLeftovers,
  SEGMENTS_DIRECTORY,
  SegmentReader,
  segmentPath,
} from './segment-files.ts';
import type { FrameInput, FrameLocation } from './segment-layout.ts';
import { SegmentSpace } from './segment-space.ts';
import {
  type AppendOptions,
  type OpenSegment,
  type SegmentLimits,
  SegmentWriter,
  sealSegment,
  writeWatermark,
} from './segment-writer.ts';
import { chunksOf, readPayload, replaySealed } from './sealed-segment.ts';
import { cutTail, settleTail } from './torn-tail.ts';

const DEFAULT_LIMITS: SegmentLimits = {
  segmentBytesMax: LIMITS.segmentBytesMax,
  segmentEntriesMax: LIMITS.segmentEntriesMax,
  paddedFrameBytesMin: LIMITS.paddedFrameBytesMin,
  segmentQueueBytesMax: LIMITS.segmentQueueBytesMax,
};

export interface SegmentStoreOptions {
  readonly disk: Disk;
  /** How far the index has read; undefined to replay everything. */
  readonly from?: Position;
  readonly visitor: ReplayVisitor;
  /** Told of what recovery did that an operator should know. */
  readonly warn: (message: string) => void;
  /** By default those of LIMITS. */
  readonly limits?: SegmentLimits;
}

export interface PayloadRange {
  readonly start: number;
  readonly length: number;
  readonly target?: Uint8Array;
}

/** The segments of a store: the truth that everything else is derived from. */
export interface SegmentStore {
  readonly space: SegmentSpace;
  append(frames: readonly FrameInput[], options?: AppendOptions): Promise<FrameLocation[]>;
  /** A frame's payload, its CRC checked; throws `corrupt`. */
  readFrame(location: FrameLocation): Promise<Uint8Array>;
  /** `length` bytes of a frame's payload from `start` in it, in `target` if given; the CRC is not checked. */
  read(location: FrameLocation, range: PayloadRange): Promise<Uint8Array>;
  /** Any bytes of a segment, in `target` if given: for what frames hold at places known from elsewhere. */
  readBytes(place: FrameLocation, target?: Uint8Array): Promise<Uint8Array>;
  /** The same somewhere in `room`: `SegmentReader.readAside`. */
  readAside(place: FrameLocation, room: Uint8Array, starts: readonly number[]): Promise<Uint8Array>;
  /** The end of what is durable. */
  readonly position: Position;
  readonly status: SegmentStatus;
  close(): Promise<void>;
}

/**
 * Opens the segments, replays to `visitor` what lies behind `from`, and cuts off a torn tail: what
 * was being written when the power went and had not been acknowledged (DESIGN §9). Throws `corrupt`
 * when a segment's header cannot be trusted or `from` is not a place in these segments.
 */
export async function openSegmentStore(options: SegmentStoreOptions): Promise<SegmentStore> {
  const { disk, visitor } = options;
  await disk.makeDirectory(SEGMENTS_DIRECTORY);
  await disk.syncDirectory('');
  // A name that a killed process made may not be durable yet, and what follows relies on it.
  await disk.syncDirectory(SEGMENTS_DIRECTORY);
  const reader = new SegmentReader(disk);
  let writer: SegmentWriter;
  let reserve: Reserve;
  let storeId: Uint8Array;
  try {
    reserve = await Reserve.open(disk);
    const open = await replay(options, reader);
    ({ storeId } = open);
    const { sealedBytes } = open;
    writer = new SegmentWriter({
      disk,
      storeId,
      reserve,
      open,
      sealedBytes,
      limits: options.limits ?? DEFAULT_LIMITS,
      onDurable(entry, location) {
        if (entry.kind !== FRAME_KIND.chunk) return;
        const { volume, digest, offset, length } = entry;
        visitor.chunk({ volume, digest, segment: location.segment, offset, length });
      },
    });
  } catch (error) {
    await reader.close();
    throw error;
  }
  return {
    space: new SegmentSpace({ disk, reader, writer, reserve }),
    append: async (frames, appendOptions) => writer.append(frames, appendOptions),
    async readFrame(location) {
      const payload = await readPayload(reader, { ...location, storeId });
      if (payload === undefined) throw frameCorrupt(location);
      return payload;
    },
    async read(location, range) {
      const place = {
        segment: location.segment,
        offset: location.offset + FRAME_HEADER_BYTES + range.start,
        length: range.length,
      };
      return await reader.read(place, range.target);
    },
    readBytes: async (place, target) => reader.read(place, target),
    readAside: async (place, room, starts) => reader.readAside(place, room, starts),
    get position() {
      return writer.position;
    },
    get status() {
      return writer.status;
    },
    async close() {
      await writer.close();
      await reader.close();
    },
  };
}

interface Sealed {
  readonly segment: number;
  readonly header: Awaited<ReturnType<typeof readSegmentHeader>>;
}

/** Replays everything behind the position, and returns the segment to go on writing. */
async function replay(
  options: SegmentStoreOptions,
  reader: SegmentReader,
): Promise<OpenSegment & { readonly storeId: Uint8Array; readonly sealedBytes: number }> {
  const { disk, visitor } = options;
  await removeLeftovers(disk);
  const list = await listSegments(disk);
  const from = options.from ?? { segment: 1, offset: SEGMENT_HEADER_BYTES };
  const last = list.open ?? list.sealed.length;
  if (options.from !== undefined && from.segment > last) throw notAPlace(from);
  let storeId: Uint8Array | undefined;
  let sealedBytes = 0;
  const sealed: Sealed[] = [];
  for (const segment of list.sealed) {
    const file = await reader.file(segment);
    const header = await readSegmentHeader(file, segment);
    storeId ??= header.storeId;
    checkStoreId(header.storeId, storeId, segment);
    sealedBytes += await file.allocatedBytes();
    sealed.push({ segment, header });
  }
  // Those behind the position, too: the index may have more of them than it is sure of.
  if (options.from !== undefined) await readAgain(sealed, reader, visitor);
  for (const { segment, header } of sealed) {
    if (segment < from.segment) continue;
    const offset = segment === from.segment ? from.offset : SEGMENT_HEADER_BYTES;
    const { durable } = header.watermark;
    await replaySealed(reader, { storeId: header.storeId, segment, offset, durable }, visitor);
    visitor.edition({ segment, edition: header.edition });
  }
  return { ...(await openLast(options, { list, storeId, from })), sealedBytes };
}

/** Segments that are not as they were when they were read: for their chunks, since all else is as it was. */
async function readAgain(
  sealed: readonly Sealed[],
  reader: SegmentReader,
  visitor: ReplayVisitor,
): Promise<void> {
  const changed = sealed.filter(({ segment, header }) => {
    return !visitor.isCurrent({ segment, edition: header.edition });
  });
  if (changed.length === 0) return;
  visitor.forget(changed.map(({ segment }) => segment));
  for (const { segment, header } of changed) {
    const { storeId, watermark, edition } = header;
    const chunks = await chunksOf(reader, { storeId, segment, durable: watermark.durable });
    for (const chunk of chunks) visitor.chunkAgain({ ...chunk, segment });
    visitor.edition({ segment, edition });
  }
}

/** The segment to go on writing: the open one after recovery, or a new one. */
async function openLast(
  options: SegmentStoreOptions,
  found: {
    readonly list: Awaited<ReturnType<typeof listSegments>>;
    readonly storeId: Uint8Array | undefined;
    readonly from: Position;
  },
): Promise<OpenSegment & { storeId: Uint8Array }> {
  const { disk } = options;
  const { list } = found;
  let { storeId } = found;
  if (list.open !== undefined) {
    const opened = await recoverOpen(options, { segment: list.open, from: found.from });
    storeId ??= opened.storeId;
    checkStoreId(opened.storeId, storeId, list.open);
    if (!opened.isComplete) return opened;
    await sealSegment(disk, opened);
  }
  const segment = (list.open ?? list.sealed.length) + 1;
  storeId ??= createStoreId();
  const file = await createSegment(disk, { storeId, segment });
  const table = new TableBuilder();
  const version = SEGMENT_VERSION;
  return { segment, version, file, tail: SEGMENT_HEADER_BYTES, watermarkCount: 0, table, storeId };
}

interface RecoveredSegment extends OpenSegment {
  readonly storeId: Uint8Array;
  /** Its table had been begun: it only has to be sealed again. */
  readonly isComplete: boolean;
}

/** Reads the open segment: what is whole stays, what was torn while it was written is cut off. */
async function recoverOpen(
  options: SegmentStoreOptions,
  at: { readonly segment: number; readonly from: Position },
): Promise<RecoveredSegment> {
  const file = await options.disk.open(segmentPath(at.segment, 'open'));
  try {
    return await recoverFrames(options, { ...at, file });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function recoverFrames(
  options: SegmentStoreOptions,
  at: { readonly segment: number; readonly from: Position; readonly file: DiskFile },
): Promise<RecoveredSegment> {
  const { segment, from, file } = at;
  const { visitor } = options;
  const { version, storeId, watermark, damagedSlots } = await readSegmentHeader(file, segment);
  if (damagedSlots > 0) options.warn(`segment ${segment}: a watermark slot is damaged`);
  const size = await file.size();
  // With neither slot nobody knows what was acknowledged: then nothing may be cut off.
  const durable = damagedSlots === WATERMARK_OFFSETS.length ? size : watermark.durable;
  await settleTail(file, { from: durable, size });
  const start = from.segment === segment ? from.offset : SEGMENT_HEADER_BYTES;
  const table = new TableBuilder();
  let tail = SEGMENT_HEADER_BYTES;
  let isComplete = false;
  let sawStart = start === tail;
  for await (const item of scanFrames(file, {
    storeId,
    segment,
    from: tail,
    end: size,
    payloadsFrom: start,
  })) {
    const offset = item.kind === 'frame' ? item.header.offset : item.offset;
    sawStart ||= offset === start;
    if (item.kind === 'damage') {
      if (item.offset >= durable) break;
      if (item.offset >= start) visitor.damage(asDamage(segment, item));
      tail = item.offset + item.length;
      continue;
    }
    if (item.header.kind === FRAME_KIND.table) {
      isComplete = true;
      break;
    }
    const entry = tableEntry(item.header, item.payload);
    table.add(entry);
    if (offset >= start) replayFrame(visitor, { ...entry, segment }, item.payload);
    tail = offset + FRAME_HEADER_BYTES + item.header.length;
  }
  if (!sawStart && tail !== start) throw notAPlace(from);
  if (durable > tail) visitor.damage({ segment, offset: tail, length: durable - tail });
  if (!isComplete && tail < size) await cutTail(options, { file, segment, tail, size });
  let watermarkCount = watermark.count;
  if (tail > durable) {
    watermarkCount += 1;
    await writeWatermark(file, { count: watermarkCount, durable: tail });
  }
  return { segment, version, file, tail, watermarkCount, table, storeId, isComplete };
}

function frameCorrupt({ segment, offset }: Position): GdpfsError {
  return new GdpfsError(
    'corrupt',
    `cannot read segment ${segment}: its frame at ${offset} is damaged`,
  );
}
