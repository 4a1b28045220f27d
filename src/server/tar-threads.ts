import { errorOfFault, type Fault } from '../base/fault.ts';
import { siblingModule, ThreadPool } from '../base/thread-pool.ts';
import { type FoldedTar, foldTar, type TarJob } from './tar-fold.ts';

export type TarAnswer = FoldedTar | { readonly fault: Fault };

const threads = new ThreadPool<TarJob, TarAnswer>(siblingModule(import.meta.url, 'tar-worker'));

/**
 * `foldTar`, on another thread if the body lies in memory that both see. It must not change until this
 * resolves.
 */
export async function foldTarAside(job: TarJob): Promise<FoldedTar> {
  if (!(job.body.buffer instanceof SharedArrayBuffer)) return foldTar(job);
  const answer = await threads.run(job);
  if ('fault' in answer) throw errorOfFault(answer.fault);
  return answer;
}
