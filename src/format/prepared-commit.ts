import { DIGEST_BYTES } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { FileLogPart } from './commit.ts';
import { decodeStateEvidence, encodeStateEvidence, type StateEvidence } from './state-evidence.ts';

export const PREPARED_ID_BYTES = 16;

/** Records that a change adds to a file log, and what is there before them. */
export interface PreparedPart extends FileLogPart {
  /** Encoded MerkleFrontier over the records before; empty for a new log. */
  readonly frontier: Uint8Array;
}

/**
 * What a change would append to a volume, for its writer to check and to sign: the body that
 * docs/formats.md calls a prepared commit.
 */
export interface PreparedCommit {
  readonly id: Uint8Array;
  /** Of the checkpoint that will say so. */
  readonly timeMs: number;
  /** Encoded MerkleFrontier over the records before. */
  readonly frontier: Uint8Array;
  readonly records: readonly Uint8Array[];
  /** Of the file logs whose records the client has not sent itself. */
  readonly parts: readonly PreparedPart[];
  /** The checkpoint before, and what its state has at the names that the change is about. */
  readonly evidence: StateEvidence;
}

export function encodePreparedCommit(prepared: PreparedCommit): Uint8Array<ArrayBuffer> {
  const { id, timeMs, frontier, records, parts, evidence } = prepared;
  const writer = new ByteWriter(16 * 1024);
  writer.bytes(id).uint64(timeMs).sizedBytes(frontier);
  writeList(writer, records);
  writer.uint32(parts.length);
  for (const part of parts) {
    writer.bytes(part.log).uint64(part.firstSeq).sizedBytes(part.frontier);
    writeList(writer, part.records);
  }
  return writer.bytes(encodeStateEvidence(evidence)).finish();
}

/** Throws `corrupt` on anything but the whole of one body. Bytes are views. */
export function decodePreparedCommit(body: Uint8Array): PreparedCommit {
  const reader = new ByteReader(body, 'prepared commit');
  const id = reader.bytes(PREPARED_ID_BYTES);
  const timeMs = reader.uint64();
  const frontier = reader.sizedBytes(FRONTIER_BYTES_MAX);
  const records = readList(reader, LIMITS.commitRecordsMax);
  const count = reader.count(LIMITS.commitRecordsMax, DIGEST_BYTES + 16);
  const parts = Array.from({ length: count }, (): PreparedPart => {
    const log = reader.bytes(DIGEST_BYTES);
    const firstSeq = reader.uint64();
    const before = reader.sizedBytes(FRONTIER_BYTES_MAX);
    return { log, firstSeq, frontier: before, records: readList(reader, LIMITS.fileRecordsMax) };
  });
  const evidence = decodeStateEvidence(reader.bytes(reader.remaining));
  return { id, timeMs, frontier, records, parts, evidence };
}

/** A count, and a hash for each of its bits. */
const FRONTIER_BYTES_MAX = 8 + 53 * DIGEST_BYTES;

function writeList(writer: ByteWriter, list: readonly Uint8Array[]): void {
  writer.uint32(list.length);
  for (const bytes of list) writer.sizedBytes(bytes);
}

function readList(reader: ByteReader, countMax: number): Uint8Array[] {
  const count = reader.count(countMax, 4);
  return Array.from({ length: count }, () => reader.sizedBytes(LIMITS.recordBytesMax));
}

/** What makes a prepared change: its id, and the signed checkpoint over it. */
export function encodeSignedCommit(id: Uint8Array, note: Uint8Array): Uint8Array<ArrayBuffer> {
  return new ByteWriter(PREPARED_ID_BYTES + note.length).bytes(id).bytes(note).finish();
}

/** Throws `corrupt`. The note may be empty. */
export function decodeSignedCommit(body: Uint8Array): {
  readonly id: Uint8Array;
  readonly note: Uint8Array;
} {
  const reader = new ByteReader(body, 'signed commit');
  const id = reader.bytes(PREPARED_ID_BYTES);
  return { id, note: reader.bytes(reader.remaining) };
}
