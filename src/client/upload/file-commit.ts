import { randomBytes } from 'node:crypto';
import { EMPTY_BYTES } from '../../base/bytes.ts';
import { formatDigest } from '../../base/digest.ts';
import { type Chunking, recordedChunkSize } from '../../format/chunker.ts';
import { encodeRecords } from '../../format/commit.ts';
import { contentRoot } from '../../format/content.ts';
import type { Manifest } from '../../format/manifest.ts';
import { leafHash, MerkleFrontier } from '../../format/merkle.ts';
import { encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../../format/records.ts';

/** A new file log: what a commit sends. Made once, so that a repeated commit is the same. */
export interface FileLog {
  /** Framed. */
  readonly records: Uint8Array;
  /** `sha256:…` */
  readonly root: string;
  /** The ETag. */
  readonly content: string;
}

export function newFileLog(manifest: Manifest, chunking: Chunking): FileLog {
  const chunkSize = recordedChunkSize(chunking);
  const nonce = randomBytes(NONCE_BYTES);
  const records = [
    encodeFileMeta({ nonce, createdMs: Date.now(), chunkSize }),
    ...manifest.chunks.map(encodeFchunk),
  ];
  const last = manifest.chunks.at(-1);
  const dataEnd = last === undefined ? 0 : last.offset + last.length;
  if (dataEnd < manifest.size) {
    const end = { offset: manifest.size, length: 0, checksum: 0, digest: EMPTY_BYTES };
    records.push(encodeFchunk(end));
  }
  const frontier = new MerkleFrontier();
  for (const record of records) frontier.append(leafHash(record));
  return {
    records: encodeRecords(records),
    root: formatDigest(frontier.root()),
    content: formatDigest(contentRoot(manifest)),
  };
}
