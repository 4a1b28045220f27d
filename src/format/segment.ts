import { bytesEqual, newBytes, utf8Encode } from '../base/bytes.ts';
import { crc32Short } from '../base/crc-short.ts';
import { crc32, DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/**
 * The bytes of a segment file: a header page, frames, and in a sealed segment a table of the frames
 * and a footer that finds it. Described in docs/formats.md.
 */

/** By version: in the first there is no padding, and the third one was written anew, with chunks left out. */
const SEGMENT_MAGICS = {
  1: utf8Encode('GDPFSEG1'),
  2: utf8Encode('GDPFSEG2'),
  3: utf8Encode('GDPFSEG3'),
} as const;
const SEGMENT_MAGIC_BYTES = SEGMENT_MAGICS[1].length;
const FOOTER_MAGIC = utf8Encode('GDPFEND1');
const FRAME_MAGIC = 0x47445046;

const TWO_32 = 2 ** 32;

export const STORE_ID_BYTES = 16;
/** A unit that a disk may lose or tear as a whole; header and watermark slots have one each. */
const PAGE_BYTES = 4096;
/** Frames begin here, behind the pages of the header and of the two watermark slots. */
export const SEGMENT_HEADER_BYTES = 3 * PAGE_BYTES;
export const FRAME_HEADER_BYTES = 32;
export const FOOTER_BYTES = 24;
/** Of a chunk frame's payload, before the data: volume and digest. */
export const CHUNK_PREFIX_BYTES = 2 * DIGEST_BYTES;
export const WATERMARK_OFFSETS = [PAGE_BYTES, 2 * PAGE_BYTES] as const;
export const WATERMARK_BYTES = 24;

/** Persisted: keep stable. */
export const FRAME_KIND = { chunk: 1, commit: 2, table: 3, padding: 4 } as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

export type SegmentVersion = keyof typeof SEGMENT_MAGICS;
/** That of new segments. */
export const SEGMENT_VERSION: SegmentVersion = 2;
/** That of segments that were written anew. */
const REWRITTEN_VERSION: SegmentVersion = 3;
export const EDITION_BYTES = 8;

export interface SegmentHeader {
  readonly version: SegmentVersion;
  /** Random, the same in all segments of a store. */
  readonly storeId: Uint8Array;
  /** 1, 2, 3, … in the order of writing. */
  readonly segment: number;
  /** Random, another one each time that the segment is written anew; of version 3 only. */
  readonly edition?: Uint8Array;
}

export interface FrameHeader {
  readonly kind: FrameKind;
  readonly segment: number;
  /** Position of this header in the segment. */
  readonly offset: number;
  /** Bytes of the payload. */
  readonly length: number;
  /** CRC-32 of the payload. */
  readonly checksum: number;
}

/** How far a segment is known to be durable: written after each sync, before its acknowledgement. */
export interface Watermark {
  /** Rises with each write; the slot with the higher one counts. */
  readonly count: number;
  /** Bytes. */
  readonly durable: number;
}

/** One frame, as the table at the end of a sealed segment lists it. */
export interface TableEntry {
  readonly kind: FrameKind;
  readonly offset: number;
  readonly length: number;
  readonly volume: Uint8Array;
  /** Chunks only; zeros otherwise. */
  readonly digest: Uint8Array;
}

const TABLE_ENTRY_BYTES = 13 + 2 * DIGEST_BYTES;

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(SEGMENT_HEADER_BYTES);
  writer.bytes(SEGMENT_MAGICS[header.version]).bytes(header.storeId).uint32(header.segment);
  if (header.edition !== undefined) writer.bytes(header.edition);
  writer.uint32(crc32(writer.finish()));
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  page.set(writer.finish());
  return page;
}

/** The header of the same segment, written anew. */
export function rewrittenHeader(header: SegmentHeader, edition: Uint8Array): SegmentHeader {
  return { ...header, version: REWRITTEN_VERSION, edition };
}

/** Throws `corrupt`. The watermark slots in the same page are not looked at. */
export function decodeSegmentHeader(page: Uint8Array): SegmentHeader {
  const reader = new ByteReader(page, 'segment header');
  const version = versionOf(reader.bytes(SEGMENT_MAGIC_BYTES));
  const storeId = reader.bytes(STORE_ID_BYTES);
  const segment = reader.uint32();
  const edition = version === REWRITTEN_VERSION ? reader.bytes(EDITION_BYTES) : undefined;
  const end = reader.offset;
  if (version === undefined) throw corrupt('segment header', 'its magic is unknown');
  if (reader.uint32() !== crc32(page.subarray(0, end))) throw corrupt('segment header', 'its CRC');
  const header = { version, storeId: storeId.slice(), segment };
  return edition === undefined ? header : { ...header, edition: edition.slice() };
}

function versionOf(magic: Uint8Array): SegmentVersion | undefined {
  return ([1, 2, 3] as const).find((version) => bytesEqual(magic, SEGMENT_MAGICS[version]));
}

export function encodeWatermark(watermark: Watermark): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(WATERMARK_BYTES);
  writer.uint64(watermark.count).uint64(watermark.durable);
  return writer.uint32(crc32(writer.finish())).uint32(0).finish();
}

/** Undefined for a slot that was never written; throws `corrupt` for a damaged one. */
export function decodeWatermark(slot: Uint8Array): Watermark | undefined {
  if (slot.every((byte) => byte === 0)) return undefined;
  const reader = new ByteReader(slot, 'watermark');
  const watermark = { count: reader.uint64(), durable: reader.uint64() };
  if (reader.uint32() !== crc32(slot.subarray(0, 16)) || reader.uint32() !== 0) {
    throw corrupt('watermark', 'its CRC is wrong');
  }
  reader.end();
  return watermark;
}

/**
 * The CRC-32 of a frame header starts from that of the store's id, which no client knows: so nobody
 * can upload a chunk that holds a frame for a place they guess.
 */
export function encodeFrameHeader(
  header: FrameHeader,
  storeId: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = newBytes(FRAME_HEADER_BYTES);
  writeFrameHeader(bytes, header, crc32(storeId));
  return bytes;
}

/** The same to the start of `target`; `idChecksum` is the CRC-32 of the store's id. */
export function writeFrameHeader(
  target: Uint8Array,
  { kind, segment, offset, length, checksum }: FrameHeader,
  idChecksum: number,
): void {
  let end = putUint32(target, 0, FRAME_MAGIC);
  end = putUint32(target, end, kind);
  end = putUint32(target, end, segment);
  end = putUint32(target, end, Math.floor(offset / TWO_32));
  end = putUint32(target, end, offset);
  end = putUint32(target, end, length);
  end = putUint32(target, end, checksum);
  putUint32(target, end, crc32Short(target, end, idChecksum));
}

/** The low 32 bits of `value`. There is one header for each small file: a DataView would cost more than all else. */
function putUint32(bytes: Uint8Array, start: number, value: number): number {
  bytes[start] = value >>> 24;
  bytes[start + 1] = value >>> 16;
  bytes[start + 2] = value >>> 8;
  // Whatever does not fit is cut off.
  bytes[start + 3] = value;
  return start + 4;
}

/** Where a frame must lie to be one. */
export interface FramePlace {
  readonly storeId: Uint8Array;
  readonly segment: number;
  readonly offset: number;
}

/**
 * Undefined unless `bytes` begin with a frame header made for this very place: its store,
 * segment and offset are part of it, so frame-like bytes inside a chunk are not taken for a frame.
 */
export function decodeFrameHeader(bytes: Uint8Array, place: FramePlace): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const reader = new ByteReader(bytes.subarray(0, FRAME_HEADER_BYTES), 'frame header');
  if (reader.uint32() !== FRAME_MAGIC) return undefined;
  const kind = reader.uint32();
  const segment = reader.uint32();
  const offset = reader.uint32() * 2 ** 32 + reader.uint32();
  const length = reader.uint32();
  const checksum = reader.uint32();
  if (reader.uint32() !== crc32(bytes.subarray(0, FRAME_HEADER_BYTES - 4), crc32(place.storeId))) {
    return undefined;
  }
  if (segment !== place.segment || offset !== place.offset) return undefined;
  if (!isFrameKind(kind) || length > LIMITS.frameBytesMax) return undefined;
  return { kind, segment, offset, length, checksum };
}

const FRAME_KINDS: ReadonlySet<number> = new Set(Object.values(FRAME_KIND));

function isFrameKind(kind: number): kind is FrameKind {
  return FRAME_KINDS.has(kind);
}

/** Of the frame of padding, with its header. */
export const PADDING_BYTES_MAX: number = PAGE_BYTES + FRAME_HEADER_BYTES;

/**
 * Bytes of padding, a frame of its own, in front of a chunk frame at `offset`, so that the chunk's
 * data begins with a block of the disk. 0 if it does anyway.
 */
export function paddingBefore(offset: number): number {
  const data = offset + FRAME_HEADER_BYTES + CHUNK_PREFIX_BYTES;
  const missing = (PAGE_BYTES - (data % PAGE_BYTES)) % PAGE_BYTES;
  return missing === 0 || missing >= FRAME_HEADER_BYTES ? missing : missing + PAGE_BYTES;
}

/** CRC-32 over a payload that is kept in parts. */
export function payloadChecksum(parts: readonly Uint8Array[]): number {
  let checksum = 0;
  for (const part of parts) checksum = crc32(part, checksum);
  return checksum;
}

/** Payload of a commit frame: uint32 length and the commit, then the request results. */
export function encodeCommitPayload(commit: Uint8Array, results: Uint8Array): Uint8Array[] {
  return [new ByteWriter(4).uint32(commit.length).finish(), commit, results];
}

export function decodeCommitPayload(payload: Uint8Array): {
  readonly commit: Uint8Array;
  readonly results: Uint8Array;
} {
  const reader = new ByteReader(payload, 'commit frame');
  const commit = reader.sizedBytes(LIMITS.frameBytesMax);
  return { commit, results: reader.bytes(reader.remaining) };
}

/** Collects the table of a segment while it is written, in its encoded form: small and flat. */
export class TableBuilder {
  readonly #writer = new ByteWriter();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(entry: TableEntry): void {
    this.#writer.uint8(entry.kind).uint64(entry.offset).uint32(entry.length);
    this.#writer.bytes(entry.volume).bytes(entry.digest);
    this.#count += 1;
  }

  /** Payload of the table frame. */
  payload(): Uint8Array[] {
    return [new ByteWriter(4).uint32(this.#count).finish(), this.#writer.finish()];
  }
}

/** Throws `corrupt` unless the entries ascend without overlap. A gap is where frames were damaged. */
export function decodeTable(payload: Uint8Array): TableEntry[] {
  const reader = new ByteReader(payload, 'segment table');
  const count = reader.count(LIMITS.segmentEntriesMax, TABLE_ENTRY_BYTES);
  const entries: TableEntry[] = [];
  let end = SEGMENT_HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const kind = reader.uint8();
    const offset = reader.uint64();
    const length = reader.uint32();
    if (!isFrameKind(kind)) throw corrupt('segment table', `a kind is ${kind}`);
    if (offset < end) throw corrupt('segment table', `an entry is at ${offset}`);
    end = offset + FRAME_HEADER_BYTES + length;
    entries.push({
      kind,
      offset,
      length,
      volume: reader.bytes(DIGEST_BYTES),
      digest: reader.bytes(DIGEST_BYTES),
    });
  }
  reader.end();
  return entries;
}

/** Of the end of a sealed segment whose table lists so many frames. */
export function tableBytes(count: number): number {
  return FRAME_HEADER_BYTES + 4 + count * TABLE_ENTRY_BYTES + FOOTER_BYTES;
}

/** The end of a sealed segment: its table in a frame for that place, and the footer. */
export function encodeTable(
  table: TableBuilder,
  { storeId, segment, offset }: FramePlace,
): Uint8Array[] {
  const payload = table.payload();
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  const checksum = payloadChecksum(payload);
  const header = { kind: FRAME_KIND.table, segment, offset, length, checksum };
  return [encodeFrameHeader(header, storeId), ...payload, encodeFooter(offset)];
}

/** The last bytes of a sealed segment. */
export function encodeFooter(tableOffset: number): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(FOOTER_BYTES);
  writer.uint64(tableOffset);
  writer.uint32(crc32(writer.finish())).uint32(0).bytes(FOOTER_MAGIC);
  return writer.finish();
}

/** Returns the offset of the table frame; throws `corrupt`. */
export function decodeFooter(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, 'segment footer');
  const tableOffset = reader.uint64();
  if (reader.uint32() !== crc32(bytes.subarray(0, 8)) || reader.uint32() !== 0) {
    throw corrupt('segment footer', 'its CRC is wrong');
  }
  if (!bytesEqual(reader.bytes(FOOTER_MAGIC.length), FOOTER_MAGIC)) {
    throw corrupt('segment footer', 'its magic is unknown');
  }
  reader.end();
  return tableOffset;
}

function corrupt(what: string, why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot decode ${what}: ${why}`);
}
