import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { discardPiece } from '../wire/discard-piece.ts';
import { networkError } from './network-error.ts';

/** What it takes to reach a server as somebody: PEM texts, and where it listens. */
export interface ConnectionOptions {
  /** `https://host:port`. */
  readonly url: string;
  /** Certificates that the server's must chain to. */
  readonly ca: string;
  /** Absent, as its key: an anonymous client, which may enrol and little else. */
  readonly certificate?: string;
  readonly key?: string;
}

/** One HTTP request and where its response goes. */
export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** Takes the body of a successful response, which must fit. Otherwise memory is allocated. */
  readonly into?: Uint8Array | undefined;
  /** Takes the body of a successful response piece by piece. Throwing ends the exchange. */
  readonly onData?: ((piece: Uint8Array) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty if it went to `onData`, a view of `into` if that was given. */
  readonly body: Uint8Array;
}

/**
 * Kept-alive HTTP/1.1 connections to one server over TLS 1.3 with a client certificate. Any number
 * of exchanges may be under way; those beyond the connections wait. Nothing here retries.
 */
export interface Connection extends AsyncDisposable {
  readonly url: string;
  /**
   * Resolves with whatever status the server answers. Throws `unavailable` if no whole answer came,
   * `untrusted` if the server is not the one expected, or the signal's reason.
   */
  exchange(exchange: Exchange): Promise<Answer>;
}

export function openConnection(options: ConnectionOptions): Connection {
  const pool = new Pool(options.url, {
    connections: LIMITS.clientConnectionsMax,
    pipelining: 1,
    headersTimeout: LIMITS.requestStallMs,
    bodyTimeout: LIMITS.requestStallMs,
    connect: {
      ca: options.ca,
      cert: options.certificate,
      key: options.key,
      minVersion: 'TLSv1.3',
      timeout: LIMITS.connectTimeoutMs,
    },
  });
  return {
    url: options.url,
    exchange: (exchange) =>
      new Promise((resolve, reject) => {
        exchange.signal?.throwIfAborted();
        const { method, target, headers, body } = exchange;
        const handler = new ExchangeHandler(exchange, {
          resolve,
          reject: (error) => reject(networkError(error, options.url)),
        });
        pool.dispatch({ method, path: target, headers, body: body ?? null }, handler);
      }),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

interface Settle {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Puts the pieces of one response where they belong, and ends the request when it is aborted. */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #settle: Settle;
  readonly #pieces: Uint8Array[] = [];
  #abort: (() => void) | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #received = 0;

  constructor(exchange: Exchange, settle: Settle) {
    this.#exchange = exchange;
    this.#settle = settle;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { signal } = this.#exchange;
    if (signal === undefined) return;
    this.#abort = () => controller.abort(reasonOf(signal));
    if (signal.aborted) this.#abort();
    else signal.addEventListener('abort', this.#abort, { once: true });
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    try {
      this.#take(piece);
    } catch (error) {
      controller.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  onResponseEnd(): void {
    this.#stopListening();
    const { into } = this.#exchange;
    const body =
      into !== undefined && this.#succeeded
        ? into.subarray(0, this.#received)
        : concatBytes(this.#pieces);
    this.#settle.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#stopListening();
    this.#settle.reject(error);
  }

  get #succeeded(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #take(piece: Uint8Array): void {
    const { into, onData } = this.#exchange;
    this.#received += piece.length;
    if (this.#succeeded && onData !== undefined) {
      onData(piece);
    } else if (this.#succeeded && into !== undefined) {
      if (this.#received > into.length) throw tooLong(into.length);
      into.set(piece, this.#received - piece.length);
      discardPiece(piece);
    } else {
      if (this.#received > LIMITS.responseBytesMax) throw tooLong(LIMITS.responseBytesMax);
      this.#pieces.push(piece);
    }
  }

  #stopListening(): void {
    if (this.#abort !== undefined) {
      this.#exchange.signal?.removeEventListener('abort', this.#abort);
    }
  }
}

function tooLong(bytesMax: number): GdpfsError {
  return new GdpfsError('corrupt', `cannot use response: more than ${bytesMax} bytes`);
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('the transfer was canceled');
}
