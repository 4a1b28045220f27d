import type { Dispatcher, Pool } from 'undici';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { ServerOptions } from './begun-connection.ts';

/**
 * All that the gates of one session let pass, and the renewal of its certificate: nothing ever waits
 * for a connection.
 */
const CONNECTIONS_MAX =
  2 * LIMITS.dataExchangesMax + LIMITS.smallExchangesMax + LIMITS.signaturesAtOnceMax + 1;

/**
 * A whole HTTP client, undici's, for answers that `AnswerPool` does not read, and for limited bandwidth, where
 * an answer is held up in the middle. It is loaded when it is needed: with the WebAssembly of its
 * parser that takes a third of the CPU time of a short command.
 */
export class UnusualPool {
  readonly #options: ServerOptions;
  #pool: Promise<Pool> | undefined;
  #isDestroyed = false;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Rejects if it could not begin; all else is told to the handler. */
  async dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): Promise<void> {
    this.#pool ??= this.#open();
    (await this.#pool).dispatch(options, handler);
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    const pool = await this.#pool;
    await pool?.close();
  }

  /** Ends what is under way. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.destroy();
  }

  async #open(): Promise<Pool> {
    const { url, ca, cert, key } = this.#options;
    if (this.#isDestroyed) {
      throw new GdpfsError('unavailable', `cannot reach "${url}": the session was closed`);
    }
    // Not all of undici.
    const { default: Undici } = await import('undici/lib/dispatcher/pool.js');
    return new Undici(url, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      // A stall is silence, wherever in the exchange, and not the time that a part of it takes.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ca, cert, key, minVersion: 'TLSv1.3', timeout: LIMITS.connectTimeoutMs },
    });
  }
}
