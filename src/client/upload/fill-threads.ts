import { POOL_THREADS_MAX, siblingModule, ThreadPool } from '../../base/thread-pool.ts';
import { errorOfFault, type Fault } from '../../base/fault.ts';
import { fill, type Filled, type FillJob } from './fill-job.ts';

type Answer = { readonly filled: Filled } | { readonly fault: Fault };

const threads = new ThreadPool<FillJob, Answer>(siblingModule(import.meta.url, 'fill-worker'));

/** Jobs of one file that keep all threads busy. */
export const FILLS_AHEAD = POOL_THREADS_MAX + 1;

/** Bytes of a file that are not worth the start of a thread. */
const INLINE_BYTES_MAX = 512 * 1024;

/** Starts the thread that will read a file of `size` bytes, if one will: that takes as long as the first questions. */
export function startFillThread(size: number): void {
  if (size > INLINE_BYTES_MAX) threads.leastBusy();
}

/** `fill` on another thread; of a small file, `size` bytes, here and now. */
export async function fillAsync(job: FillJob, size: number): Promise<Filled> {
  if (size <= INLINE_BYTES_MAX) return fill(job);
  const answer = await threads.run(job);
  if ('fault' in answer) throw errorOfFault(answer.fault);
  return answer.filled;
}
