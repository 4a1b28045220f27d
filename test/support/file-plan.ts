/** A file as a client would upload it: its chunks, the records of its log, the roots. */
import { randomBytes } from 'node:crypto';
import { concatBytes } from '../../src/base/bytes.ts';
import { crc32, formatDigest, sha256 } from '../../src/base/digest.ts';
import { encodeChunkHeader } from '../../src/format/chunk-frame.ts';
import { encodeRecords } from '../../src/format/commit.ts';
import { contentRoot } from '../../src/format/content.ts';
import type { Chunk } from '../../src/format/manifest.ts';
import { leafHash, MerkleFrontier } from '../../src/format/merkle.ts';
import { encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../../src/format/records.ts';

export interface FilePlan {
  readonly bytes: Uint8Array;
  readonly chunks: readonly Chunk[];
  readonly records: readonly Uint8Array[];
  /** Texts, as requests carry them. */
  readonly root: string;
  readonly content: string;
}

export function splitChunks(bytes: Uint8Array, chunkSize: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < bytes.length; offset += chunkSize) {
    const data = bytes.subarray(offset, offset + chunkSize);
    chunks.push({ offset, length: data.length, checksum: crc32(data), digest: sha256(data) });
  }
  return chunks;
}

export function planFile(bytes: Uint8Array, chunkSize: number): FilePlan {
  const nonce = randomBytes(NONCE_BYTES);
  const meta = encodeFileMeta({ nonce, createdMs: Date.now(), chunkSize });
  return addUp(bytes, { chunks: splitChunks(bytes, chunkSize), meta });
}

/** What adding `bytes` behind the file of `plan` needs; `records` are only the new ones. */
export function planAppend(plan: FilePlan, bytes: Uint8Array, chunkSize: number): FilePlan {
  const [meta] = plan.records;
  if (meta === undefined) throw new Error('a plan has a meta record');
  const added = splitChunks(bytes, chunkSize).map((chunk) => ({
    ...chunk,
    offset: chunk.offset + plan.bytes.length,
  }));
  const all = addUp(concatBytes([plan.bytes, bytes]), { chunks: [...plan.chunks, ...added], meta });
  return { ...all, records: all.records.slice(plan.records.length) };
}

function addUp(
  bytes: Uint8Array,
  { chunks, meta }: { readonly chunks: readonly Chunk[]; readonly meta: Uint8Array },
): FilePlan {
  const records = [meta, ...chunks.map(encodeFchunk)];
  const frontier = new MerkleFrontier();
  for (const record of records) frontier.append(leafHash(record));
  const content = contentRoot({ size: bytes.length, chunks });
  return {
    bytes,
    chunks,
    records,
    root: formatDigest(frontier.root()),
    content: formatDigest(content),
  };
}

/** Chunk frames of some of the file's chunks. */
export function framesOf(plan: FilePlan, chunks: readonly Chunk[] = plan.chunks): Uint8Array {
  return concatBytes(
    chunks.flatMap((chunk) => [
      encodeChunkHeader(chunk),
      plan.bytes.subarray(chunk.offset, chunk.offset + chunk.length),
    ]),
  );
}

export function digestsOf(chunks: readonly Chunk[]): Uint8Array {
  return concatBytes(chunks.map((chunk) => chunk.digest));
}

/** Query and body of the request that commits the plan. */
export function commitOf(
  plan: FilePlan,
  { path, upload }: { readonly path: string; readonly upload: string },
) {
  const { root, content, bytes } = plan;
  return {
    query: { path, upload, size: bytes.length, root, content },
    body: encodeRecords(plan.records),
    type: 'application/vnd.gdpfs.records',
  };
}
