import { asBuffer, bytesEqual, utf8Encode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { fetchLines } from '../base/fetch-lines.ts';
import { ByteWriter } from '../format/byte-writer.ts';
import { type Chunking, createCutter, type Cutter } from '../format/chunker.ts';
import { chunkSizeFor } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { decodeTar, type TarEntry, type TarFile } from '../wire/tar.ts';
import { newFileLog } from './file-log.ts';

/** A tar body, and how its files become file logs. */
export interface TarJob {
  /** Hostile. */
  readonly body: Uint8Array;
  /** How content is cut; absent for chunks of one size. */
  readonly byContent?: Chunking;
  readonly createdMs: number;
}

/** What a tar body is, in few pieces of memory, since it crosses from one thread to another. */
export interface FoldedTar {
  /**
   * JSON, `EntryHead` for each entry. It also stands for the body in the identity of the request: the
   * digests of its files are in there.
   */
  readonly heads: Uint8Array<ArrayBuffer>;
  /** For each file, `TarLogs` reads it. */
  readonly logs: Uint8Array<ArrayBuffer>;
}

/** Kind, path, permission bits and time; then the digests of a file's chunks, or a link's target. */
export type EntryHead = readonly [
  kind: TarEntry['kind'],
  path: string,
  mode: number,
  mtimeUs: number,
  ...rest: string[],
];

const LOGS_CAPACITY_BYTES = 64 * 1024;

/**
 * Reads a tar body, cuts the content of its files, compares what the sender claims of it with what
 * came, and makes their file logs. For a thread of its own: this is a third of what a small file costs.
 * Throws `bad_chunk`, and what `decodeTar` throws.
 */
export function foldTar({ body, byContent, createdMs }: TarJob): FoldedTar {
  const cutter = byContent === undefined ? undefined : createCutter(byContent);
  const logs = new ByteWriter(LOGS_CAPACITY_BYTES);
  const heads = decodeTar(body).map((entry): EntryHead => {
    const { kind, path, mode, mtimeUs } = entry;
    if (kind === 'directory') return [kind, path, mode, mtimeUs];
    if (kind === 'symlink') return [kind, path, mode, mtimeUs, entry.target];
    const chunks = kind === 'file' ? cutFile(entry, cutter) : [chunkOf(entry)];
    const size = kind === 'file' ? entry.data.length : entry.size;
    const place = kind === 'file' ? entry.data.byteOffset - body.byteOffset : 0;
    writeLog(logs, { createdMs, size, place, chunks });
    const digests = chunks.map(({ digest }) => asBuffer(digest).toString('base64'));
    return [kind, path, mode, mtimeUs, ...digests];
  });
  return { heads: utf8Encode(JSON.stringify(heads)), logs: logs.finish() };
}

function chunkOf(reference: Pick<Chunk, 'checksum' | 'digest'> & { readonly size: number }): Chunk {
  const { size: length, checksum, digest } = reference;
  return { offset: 0, length, checksum, digest };
}

/** What `TarLogs` reads. */
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

function cutFile(file: TarFile, byContent: Cutter | undefined): Chunk[] {
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
function checkDigest({ path, data, digest: claimed }: TarFile, chunks: readonly Chunk[]): void {
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
