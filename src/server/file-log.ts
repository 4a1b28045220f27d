import { randomFillSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Chunk } from '../format/manifest.ts';
import { encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../format/records.ts';
import type { FileContent } from '../fs/types.ts';

/** The records of a new file log, where the server writes them and not the client. */
export function newFileLog(
  clock: Clock,
  { chunkSize, chunks }: { readonly chunkSize: number; readonly chunks: readonly Chunk[] },
): Pick<FileContent, 'records' | 'made'> {
  const meta = encodeFileMeta({ nonce: newNonce(), createdMs: clock.now(), chunkSize });
  return { records: [meta, ...chunks.map(encodeFchunk)], made: { chunks } };
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
