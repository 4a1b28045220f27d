import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Chunk } from '../format/manifest.ts';
import { encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../format/records.ts';

/** The records of a new file log, where the server writes them and not the client. */
export function newFileLog(
  clock: Clock,
  { chunkSize, chunks }: { readonly chunkSize: number; readonly chunks: readonly Chunk[] },
): Uint8Array[] {
  const nonce = randomBytes(NONCE_BYTES);
  const meta = encodeFileMeta({ nonce, createdMs: clock.now(), chunkSize });
  return [meta, ...chunks.map(encodeFchunk)];
}
