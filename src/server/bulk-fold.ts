import { bytesEqual } from '../base/bytes.ts';
import { crc32, sha256, sha256Parts } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { fetchLines } from '../base/fetch-lines.ts';
import { ByteWriter } from '../format/byte-writer.ts';
import { type Chunking, createCutter, type Cutter } from '../format/chunker.ts';
import { chunkSizeFor } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { decodeEntryPack, headsOf } from '../wire/entry-pack.ts';
import { EntryPackWriter } from '../wire/entry-pack-writer.ts';
import { decodeTar, type TarFile } from '../wire/tar.ts';
import { newFileLog } from './file-log.ts';

/** A body with many entries, and how its files become file logs. */
export interface BulkJob {
  readonly form: 'tar' | 'pack';
  /** Hostile. */
  readonly body: Uint8Array;
  /** How content is cut; absent for chunks of one size. */
  readonly byContent?: Chunking;
  readonly createdMs: number;
}

/** What such a body is, in few pieces of memory, since it crosses from one thread to another. */
export interface FoldedBulk {
  /**
   * `decodeHeads` reads it: an entry for each of the body's, in their order. It also stands for the body in
   * the identity of the request: the digests of its files are in there.
   */
  readonly heads: Uint8Array;
  /** For each file, `BulkLogs` reads it. */
  readonly logs: Uint8Array<ArrayBuffer>;
}

/** What the log of a file of one chunk takes: memory that grows is copied, and counts as garbage. */
const LOG_BYTES = 256;
/** More than what is taken from common memory: all of it is handed to another thread. */
const LOGS_BYTES_MIN = 4096;

/**
 * Reads a body, cuts the content of its files, compares what the sender claims of it with what came, and makes
 * their file logs. For a thread of its own: this is a third of what a small file costs. Throws
 * `bad_chunk`, and what `decodeTar` and `decodeEntryPack` throw.
 */
export function foldBulk({ form, body, byContent, createdMs }: BulkJob): FoldedBulk {
  const cutter = byContent === undefined ? undefined : createCutter(byContent);
  const entries = form === 'tar' ? decodeTar(body) : decodeEntryPack(body);
  const logs = new ByteWriter(LOGS_BYTES_MIN + entries.length * LOG_BYTES);
  // A pack says what it is in the form that is wanted; of a tar it must be made.
  const heads = form === 'tar' ? new EntryPackWriter(new ArrayBuffer(0)) : undefined;
  for (const entry of entries) {
    const { kind } = entry;
    if (kind === 'directory' || kind === 'symlink') {
      heads?.add(entry);
      continue;
    }
    const chunks = kind === 'file' ? cutFile(entry, cutter) : [chunkOf(entry)];
    const size = kind === 'file' ? entry.data.length : entry.size;
    const place = kind === 'file' ? entry.data.byteOffset - body.byteOffset : 0;
    writeLog(logs, { createdMs, size, place, chunks });
    heads?.addHead(entry, { kind, size, digest: digestOf(chunks) });
  }
  return { heads: heads?.finish() ?? headsOf(body), logs: logs.finish() };
}

function chunkOf(reference: Pick<Chunk, 'checksum' | 'digest'> & { readonly size: number }): Chunk {
  const { size: length, checksum, digest } = reference;
  return { offset: 0, length, checksum, digest };
}

/** Says which content it is. */
function digestOf(chunks: readonly Chunk[]): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first.digest;
  return sha256Parts(chunks.map(({ digest }) => digest));
}

/** What `BulkLogs` reads. */
function writeLog(
  logs: ByteWriter,
  file: {
    readonly createdMs: number;
    readonly size: number;
    readonly place: number;
    readonly chunks: readonly Chunk[];
  },
): void {
  const { createdMs, size, place, chunks } = file;
  const { records, made } = newFileLog({ createdMs, chunkSize: chunkSizeFor(size), chunks });
  logs.bytes(made.log).bytes(made.root).bytes(made.content);
  logs.uint32(size).uint32(place).uint32(chunks.length);
  for (const { offset, length, checksum, digest } of chunks) {
    logs.uint32(offset).uint32(length).uint32(checksum).bytes(digest);
  }
  for (const record of records) logs.sizedBytes(record);
}

function cutFile(
  file: Pick<TarFile, 'path' | 'data' | 'digest'>,
  byContent: Cutter | undefined,
): Chunk[] {
  const { data } = file;
  const chunkSize = chunkSizeFor(data.length);
  const cutter = byContent ?? createCutter({ mode: 'fixed', chunkSize });
  cutter.reset();
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < data.length; ) {
    const cut = cutter.push(data, offset);
    const end = cut < 0 ? data.length : cut;
    const bytes = data.subarray(offset, end);
    const { length } = bytes;
    // The thread that has the connections has just received it.
    fetchLines(bytes);
    chunks.push({ offset, length, checksum: crc32(bytes), digest: sha256(bytes) });
    offset = end;
  }
  checkDigest(file, chunks);
  return chunks;
}

/** Compares what the sender claims with what arrived. */
function checkDigest(
  { path, data, digest: claimed }: Pick<TarFile, 'path' | 'data' | 'digest'>,
  chunks: readonly Chunk[],
): void {
  if (claimed === undefined) return;
  const [first] = chunks;
  const digest = chunks.length === 1 && first !== undefined ? first.digest : sha256(data);
  if (bytesEqual(digest, claimed)) return;
  throw new GdpfsError(
    'bad_chunk',
    `cannot store "${path}": its bytes do not have the digest it came with`,
    { details: { path } },
  );
}
