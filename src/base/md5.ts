import { siblingModule, type Thread, ThreadPool } from './thread-pool.ts';

/**
 * MD5 (RFC 1321), which the FileManager design compares files by. It guards against nobody: what
 * must be sure uses SHA-256.
 */

/** One step of a sum that a thread makes. */
export interface Md5Request {
  /** Number of the stream. */
  readonly stream: number;
  readonly bytes?: Uint8Array;
  readonly isEnd: boolean;
}

const threads = new ThreadPool<Md5Request, string>(siblingModule(import.meta.url, 'md5-worker'));
let streamCount = 0;

/** The MD5 of a stream of bytes, made beside the event loop. Dispose of it, also if it failed. */
export class Md5Stream implements AsyncDisposable {
  readonly #thread: Thread<Md5Request, string> = threads.leastBusy();
  readonly #stream = streamCount++;
  #isEnded = false;

  /** Resolves when `bytes` may change again; shared ones (`sharedBytes`) are not copied. */
  async update(bytes: Uint8Array): Promise<void> {
    await this.#thread.run({ stream: this.#stream, bytes, isEnd: false });
  }

  /** 32 hexadecimal digits, as md5sum(1) prints them. No `update` may follow. */
  async digest(): Promise<string> {
    this.#isEnded = true;
    return await this.#thread.run({ stream: this.#stream, isEnd: true });
  }

  /** Frees what the thread holds of a stream that did not come to its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isEnded) await this.digest();
  }
}
