/** Cuts a piece of a file into chunks and sums them, beside the page. */
import { base64urlDecode } from '../../base/bytes.ts';
import { crc32 } from '../../base/digest.ts';
import { createCutter, type Cutter } from '../../format/chunker.ts';
import type { Chunk } from '../../format/manifest.ts';
import type { HashAnswer, HashRequest } from './hasher.ts';

addEventListener('message', ({ data }: MessageEvent<HashRequest>) => {
  answer(data).then(
    (found) => postMessage(found, { transfer: found.bytes === undefined ? [] : [found.bytes] }),
    (error: unknown) => postMessage({ id: data.id, failure: String(error) } satisfies HashAnswer),
  );
});

async function answer({ id, piece, start, isLast, chunking }: HashRequest): Promise<HashAnswer> {
  const bytes = new Uint8Array(await piece.arrayBuffer());
  if (bytes.length !== piece.size) throw new Error('the file has changed');
  const cutter = createCutter(
    chunking.mode === 'fixed'
      ? chunking
      : { mode: 'cdc', key: base64urlDecode(chunking.key) ?? new Uint8Array() },
  );
  const ends = cutsOf(bytes, cutter, isLast);
  const chunks = await Promise.all(
    ends.map(async (end, index): Promise<Chunk> => {
      const first = ends[index - 1] ?? 0;
      const data = bytes.subarray(first, end);
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
      return { offset: start + first, length: data.length, checksum: crc32(data), digest };
    }),
  );
  return { id, bytes: bytes.buffer, chunks };
}

/** Where chunks end. What is behind the last one belongs to a chunk that goes on, unless the file ends here. */
function cutsOf(bytes: Uint8Array, cutter: Cutter, isLast: boolean): number[] {
  const ends: number[] = [];
  for (;;) {
    const end = cutter.push(bytes, ends.at(-1) ?? 0);
    if (end < 0) break;
    ends.push(end);
  }
  if (isLast && (ends.at(-1) ?? 0) < bytes.length) ends.push(bytes.length);
  return ends;
}
