import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import type { SumJob, ThreadSums } from './digest-threads.ts';
import { fetchLines } from './fetch-lines.ts';

/** This and the state of a hash fit into a core's own cache, and the calls for each are few. */
const SLICE_BYTES = 128 * 1024;

parentPort?.on('message', ({ views, withChecksums }: SumJob) => {
  const sums = views.map((bytes) => sum(bytes, withChecksums));
  const answer: ThreadSums = {
    digests: Buffer.concat(sums.map(({ digest }) => digest)),
    checksums: sums.map(({ checksum }) => checksum),
  };
  parentPort?.postMessage(answer);
});

function sum(
  bytes: Uint8Array,
  withChecksum: boolean,
): { readonly digest: Uint8Array; readonly checksum: number } {
  const state = createHash('sha256');
  let checksum = 0;
  for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
    const slice = bytes.subarray(start, start + SLICE_BYTES);
    fetchLines(slice);
    state.update(slice);
    if (withChecksum) checksum = crc32(slice, checksum);
  }
  return { digest: state.digest(), checksum };
}
