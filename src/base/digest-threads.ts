import { siblingModule, ThreadPool } from './thread-pool.ts';

export interface SumJob {
  /** Of shared memory: nothing is copied. */
  readonly views: readonly Uint8Array[];
  /** Also their CRC-32; otherwise those are 0. */
  readonly withChecksums: boolean;
}

export interface ThreadSums {
  /** SHA-256 of each view, one behind the other. */
  readonly digests: Uint8Array;
  readonly checksums: readonly number[];
}

const threads = new ThreadPool<SumJob, ThreadSums>(siblingModule(import.meta.url, 'digest-worker'));

/** Sums views of shared memory on another thread: one message goes each way. */
export async function sumOnThread(job: SumJob): Promise<ThreadSums> {
  const { digests, checksums } = await threads.run(job);
  // What was a Buffer arrives as a Uint8Array; the copy frees the memory that it came in.
  return { digests: new Uint8Array(digests), checksums };
}
