import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** Records that a commit adds to one file log. */
export interface FileLogPart {
  /** Name of the file log. */
  readonly log: Uint8Array;
  /** seq of the first of `records` in that log; 0 when the commit creates the log. */
  readonly firstSeq: number;
  readonly records: readonly Uint8Array[];
}

/**
 * One atomic batch of a directory log (DESIGN §3, §4): what every reader gets, and all that is
 * needed to check it. The encoded form is stored and served as it is.
 */
export interface Commit {
  /** Name of the directory log. */
  readonly volume: Uint8Array;
  /** Epoch of the writer key. */
  readonly epoch: number;
  /** seq of the first of `records` in the directory log. */
  readonly firstSeq: number;
  /** SHA-256 of the checkpoint note before this one; zeros for the first commit. */
  readonly previous: Uint8Array;
  readonly records: readonly Uint8Array[];
  readonly parts: readonly FileLogPart[];
  /** Signed note over the directory log, these records included. */
  readonly checkpoint: Uint8Array;
}

/** The first answer to a request id, kept beside the commit that it caused. Not for other readers. */
export interface RequestResult {
  readonly principal: string;
  readonly id: string;
  /** SHA-256 over what was asked. */
  readonly fingerprint: Uint8Array;
  readonly timeMs: number;
  /** JSON. */
  readonly body: Uint8Array;
}

export const ZERO_DIGEST: Uint8Array = new Uint8Array(DIGEST_BYTES);

/** Where a part's list of records lies in the encoded commit, to be read without the rest. */
export interface PartPlace {
  readonly offset: number;
  readonly length: number;
}

/** Of a list, or of what has any length. */
const LENGTH_BYTES = 4;
/** Volume, epoch, sequence number, and the checkpoint before. */
const HEAD_BYTES = 2 * DIGEST_BYTES + 16;
/** Name of the log and sequence number. */
const PART_HEAD_BYTES = DIGEST_BYTES + 8;

/** All but the checkpoint, which is signed last: `encodeCommit(head, checkpoint)` joins them. */
export type CommitHead = Omit<Commit, 'checkpoint'>;

export function encodeCommit(
  head: CommitHead,
  checkpoint: Uint8Array,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly places: readonly PartPlace[] } {
  const writer = new ByteWriter(sizeOf(head) + LENGTH_BYTES + checkpoint.length);
  writer.bytes(head.volume).uint64(head.epoch).uint64(head.firstSeq).bytes(head.previous);
  writeRecords(writer, head.records);
  const places: PartPlace[] = [];
  writer.uint32(head.parts.length);
  for (const part of head.parts) {
    writer.bytes(part.log).uint64(part.firstSeq);
    const offset = writer.length;
    writeRecords(writer, part.records);
    places.push({ offset, length: writer.length - offset });
  }
  writer.sizedBytes(checkpoint);
  return { bytes: writer.finish(), places };
}

/** Bytes of the head, encoded: memory that grows is copied, and a commit may be long. */
function sizeOf({ records, parts }: CommitHead): number {
  let bytes = HEAD_BYTES + sizeOfRecords(records) + LENGTH_BYTES;
  for (const part of parts) bytes += PART_HEAD_BYTES + sizeOfRecords(part.records);
  return bytes;
}

function sizeOfRecords(records: readonly Uint8Array[]): number {
  let bytes = LENGTH_BYTES * (1 + records.length);
  for (const { length } of records) bytes += length;
  return bytes;
}

/** Throws `corrupt` on anything but the whole of one encoded commit. Records are views. */
export function decodeCommit(
  bytes: Uint8Array,
): Commit & { readonly places: readonly PartPlace[] } {
  const reader = new ByteReader(bytes, 'commit');
  const volume = reader.bytes(DIGEST_BYTES);
  const epoch = reader.uint64();
  const firstSeq = reader.uint64();
  const previous = reader.bytes(DIGEST_BYTES);
  const records = readRecords(reader);
  const parts: FileLogPart[] = [];
  const places: PartPlace[] = [];
  const partCount = reader.count(LIMITS.commitRecordsMax, DIGEST_BYTES + 12);
  for (let index = 0; index < partCount; index++) {
    const log = reader.bytes(DIGEST_BYTES);
    const firstSeq = reader.uint64();
    const offset = reader.offset;
    parts.push({ log, firstSeq, records: readRecords(reader) });
    places.push({ offset, length: reader.offset - offset });
  }
  const checkpoint = reader.sizedBytes(LIMITS.checkpointBytesMax);
  reader.end();
  return { volume, epoch, firstSeq, previous, records, parts, checkpoint, places };
}

export function encodeResults(results: readonly RequestResult[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.uint32(results.length);
  for (const result of results) {
    assert(result.body.length <= LIMITS.resultBytesMax, 'answers to requests are short');
    writer.sizedBytes(utf8Encode(result.principal)).sizedBytes(utf8Encode(result.id));
    writer.bytes(result.fingerprint).uint64(result.timeMs).sizedBytes(result.body);
  }
  return writer.finish();
}

export function decodeResults(bytes: Uint8Array): RequestResult[] {
  const reader = new ByteReader(bytes, 'request results');
  const results: RequestResult[] = [];
  const count = reader.count(LIMITS.batchChangesMax, DIGEST_BYTES + 20);
  for (let index = 0; index < count; index++) {
    results.push({
      principal: readText(reader, LIMITS.principalLengthMax),
      id: readText(reader, LIMITS.requestIdLengthMax),
      fingerprint: reader.bytes(DIGEST_BYTES),
      timeMs: reader.uint64(),
      body: reader.sizedBytes(LIMITS.resultBytesMax),
    });
  }
  reader.end();
  return results;
}

/** The framing of records in requests and commits: uint32 length, then the bytes, repeated. */
export function encodeRecords(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  for (const record of records) writer.sizedBytes(record);
  return writer.finish();
}

/** Inverse of `encodeRecords`, over hostile bytes. */
export function decodeRecords(bytes: Uint8Array, countMax: number): Uint8Array[] {
  const reader = new ByteReader(bytes, 'records');
  const records: Uint8Array[] = [];
  while (reader.remaining > 0) {
    if (records.length === countMax) {
      throw new GdpfsError('bad_request', `cannot decode records: more than ${countMax}`);
    }
    records.push(reader.sizedBytes(LIMITS.recordBytesMax));
  }
  return records;
}

function writeRecords(writer: ByteWriter, records: readonly Uint8Array[]): void {
  writer.uint32(records.length);
  for (const record of records) writer.sizedBytes(record);
}

/** Decodes what a PartPlace points to. */
export function decodePartRecords(bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes, 'file log records');
  const records = readRecords(reader);
  reader.end();
  return records;
}

function readRecords(reader: ByteReader): Uint8Array[] {
  const count = reader.count(LIMITS.fileRecordsMax, 4);
  const records: Uint8Array[] = [];
  for (let index = 0; index < count; index++)
    records.push(reader.sizedBytes(LIMITS.recordBytesMax));
  return records;
}

function readText(reader: ByteReader, bytesMax: number): string {
  const bytes = reader.sizedBytes(bytesMax);
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode request results: not UTF-8', { cause });
  }
}
