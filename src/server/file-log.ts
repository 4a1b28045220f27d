import { randomFillSync } from 'node:crypto';
import { contentRoot } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { leafHash, merkleRoot } from '../format/merkle.ts';
import { encodeFchunk, encodeFileMeta, logName, NONCE_BYTES } from '../format/records.ts';
import type { MadeFile } from '../fs/types.ts';

/** The records of a new file log, where the server writes them and not the client. */
export function newFileLog(log: {
  readonly createdMs: number;
  readonly chunkSize: number;
  /** In the order of their offsets, with zeros between them. */
  readonly chunks: readonly Chunk[];
}): MadeFile {
  const { createdMs, chunkSize, chunks } = log;
  const meta = encodeFileMeta({ nonce: newNonce(), createdMs, chunkSize });
  const records = [meta, ...chunks.map(encodeFchunk)];
  const last = chunks.at(-1);
  const size = last === undefined ? 0 : last.offset + last.length;
  const live = chunks.filter(({ length }) => length > 0);
  return {
    records,
    made: {
      log: logName(meta),
      root: merkleRoot(records.map(leafHash)),
      content: contentRoot({ size, chunks: live }),
      size,
      chunks: live,
    },
  };
}

/** Random bytes for many nonces: asking for a few costs as much as for many. */
const nonces = new Uint8Array(256 * NONCE_BYTES);
let noncesUsed = nonces.length;

function newNonce(): Uint8Array {
  if (noncesUsed === nonces.length) {
    randomFillSync(nonces);
    noncesUsed = 0;
  }
  noncesUsed += NONCE_BYTES;
  return nonces.slice(noncesUsed - NONCE_BYTES, noncesUsed);
}
