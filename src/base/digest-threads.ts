import { siblingModule, ThreadPool } from './thread-pool.ts';

const threads = new ThreadPool<readonly Uint8Array[], Uint8Array>(
  siblingModule(import.meta.url, 'digest-worker'),
);

/**
 * SHA-256 of views of shared memory on another thread, one behind the other: nothing is copied, one
 * message goes each way.
 */
export async function sha256OnThread(views: readonly Uint8Array[]): Promise<Uint8Array> {
  // What was a Buffer arrives as a Uint8Array; the copy frees the memory that it came in.
  return new Uint8Array(await threads.run(views));
}
