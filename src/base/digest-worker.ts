import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import type { SumJob, ThreadSums } from './digest-threads.ts';

/** This and the state of a hash fit into a core's own cache. */
const SLICE_BYTES = 64 * 1024;
const CACHE_LINE_BYTES = 64;

/** Keeps the reads of `fetchSlice` from being optimized away. */
let fetched = 0;

parentPort?.on('message', ({ views, withChecksums }: SumJob) => {
  const sums = views.map((bytes) => sum(bytes, withChecksums));
  const answer: ThreadSums = {
    digests: Buffer.concat(sums.map(({ digest }) => digest)),
    checksums: sums.map(({ checksum }) => checksum),
  };
  parentPort?.postMessage(answer);
});

/**
 * What comes from another core is not in the caches of this one, and a hash, which works through it
 * in order, waits for each line of it. Lines that are asked for one behind the other come together.
 */
function sum(
  bytes: Uint8Array,
  withChecksum: boolean,
): { readonly digest: Uint8Array; readonly checksum: number } {
  const state = createHash('sha256');
  let checksum = 0;
  for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
    const slice = bytes.subarray(start, start + SLICE_BYTES);
    fetched ^= fetchSlice(slice);
    state.update(slice);
    if (withChecksum) checksum = crc32(slice, checksum);
  }
  return { digest: state.digest(), checksum };
}

function fetchSlice(slice: Uint8Array): number {
  // In variables of its own: anything else takes longer than the memory.
  const { length } = slice;
  let seen = 0;
  for (let at = 0; at < length; at += CACHE_LINE_BYTES) seen ^= slice[at] ?? 0;
  return seen;
}
