import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { concatBytes, copyBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { discardPiece } from '../wire/discard-piece.ts';
import { AnswerPool, type AnswerRequest } from './answers/answer-pool.ts';
import { UnusualPool } from './answers/unusual-pool.ts';
import { limitedSlicesOf, slicesOf } from './flow/body-slices.ts';
import { Movement } from './flow/movement.ts';
import type { RateLimit } from './flow/rate-limit.ts';
import { StallWatch } from './flow/stall-watch.ts';
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

/** How a connection uses the network. */
export interface ConnectionFlow {
  /** As in FlowOptions. */
  readonly stallMs?: number | undefined;
  /** Absent: as fast as it goes. May be shared by connections. */
  readonly rate?: RateLimit | undefined;
}

/** One HTTP request and where its response goes. */
export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /**
   * Take the body of a successful response, one behind the other; it must fit. Otherwise memory is
   * allocated.
   */
  readonly into?: readonly Uint8Array[] | undefined;
  /** Takes the body of a successful response piece by piece. Throwing ends the exchange. */
  readonly onData?: ((piece: Uint8Array) => void) | undefined;
  /** Told of the bytes of both bodies as they cross. */
  readonly onMoved?: ((bytes: number) => void) | undefined;
  /**
   * Twice the patience before it counts as stalled: somebody between us and the server may have
   * taken a body long before it gets through.
   */
  readonly isRepeated?: boolean | undefined;
  /** The answer may take long to come: no other one waits behind it. */
  readonly isLong?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty if it went to `into` or `onData`. */
  readonly body: Uint8Array;
  /** Bytes of the body, wherever it went. */
  readonly bodyBytes: number;
}

/**
 * Kept-alive HTTP/1.1 connections to one server over TLS 1.3 with a client certificate. Any number
 * of exchanges may be under way; those beyond the connections wait. Nothing here retries.
 */
export interface Connection extends AsyncDisposable {
  readonly url: string;
  /**
   * Resolves with whatever status the server answers. Throws `unavailable` if no whole answer came,
   * or the exchange stalled, `untrusted` if the server is not the one expected, or the signal's
   * reason. The body may be written over from then on.
   */
  exchange(exchange: Exchange): Promise<Answer>;
  /** Takes no more exchanges; resolves when those under way are over. */
  close(): Promise<void>;
}

export function openConnection(options: ConnectionOptions, flow: ConnectionFlow = {}): Connection {
  const { url, ca, certificate: cert, key } = options;
  const answers = new AnswerPool({ url, ca, cert, key });
  const unusual = new UnusualPool({ url, ca, cert, key });
  const watch = new StallWatch(flow.stallMs ?? LIMITS.requestStallMs);
  return {
    url,
    exchange: (exchange) =>
      new Promise((resolve, reject) => {
        exchange.signal?.throwIfAborted();
        const handler = new ExchangeHandler(exchange, {
          url,
          watch,
          rate: flow.rate,
          resolve,
          reject: (error) => reject(networkError(error, url)),
        });
        const other = (): void => {
          unusual.dispatch(handler.dispatchOptions, handler).catch((error: unknown) => {
            handler.onResponseError(undefined, errorOf(error));
          });
        };
        // A limited bandwidth must hold an answer up in the middle.
        if (flow.rate !== undefined || answers.isUnusual) return other();
        answers.dispatch(handler.request, handler, other);
      }),
    close: async () => {
      await Promise.all([unusual.close(), answers.close()]);
    },
    [Symbol.asyncDispose]: async () => {
      watch[Symbol.dispose]();
      answers.destroy();
      await unusual.destroy();
    },
  };
}

/** What an exchange needs of its connection. */
interface Way {
  readonly url: string;
  readonly watch: StallWatch;
  readonly rate: RateLimit | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Puts the pieces of one response where they belong, and ends the request when it is aborted or has
 * stalled.
 */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #way: Way;
  readonly #movement: Movement;
  readonly #pieces: Uint8Array[] = [];
  #abort: (() => void) | undefined;
  #resume: NodeJS.Timeout | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #received = 0;
  /** The view of `into` that is being filled, and how far it is. */
  #view = 0;
  #viewLength = 0;

  constructor(exchange: Exchange, way: Way) {
    this.#exchange = exchange;
    this.#way = way;
    this.#movement = new Movement(exchange.isRepeated === true ? 2 : 1);
  }

  /** Of unlimited bandwidth. */
  get request(): AnswerRequest {
    const { method, body, into, onData, onMoved, isLong } = this.#exchange;
    const isPrompt = into === undefined && onData === undefined && isLong !== true;
    const isSmall = method === 'GET' && isPrompt;
    if (body === undefined) return { ...this.#head, body, isSmall };
    const slices = slicesOf(body, { movement: this.#movement, onMoved });
    return { ...this.#head, body: slices, isSmall: false };
  }

  /** As undici takes it. */
  get dispatchOptions(): Dispatcher.DispatchOptions {
    const { body, onMoved } = this.#exchange;
    const { rate } = this.#way;
    if (body === undefined) return this.#head;
    const path = { movement: this.#movement, onMoved };
    const slices = rate === undefined ? slicesOf(body, path) : limitedSlicesOf(body, path, rate);
    // undici takes iterables too, its types do not say so.
    return { ...this.#head, body: slices as Uint8Array };
  }

  /** There is a connection, and the request is about to be written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#way.watch.add(this.#movement, () => controller.abort(stalled(this.#way.url)));
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
    this.#movement.received();
    this.#status = status;
    this.#headers = headers;
  }

  /** The memory of `piece` may take what comes next: what stays is copied. */
  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    const { length } = piece;
    this.#movement.received();
    try {
      this.#take(piece);
    } catch (error) {
      controller.abort(errorOf(error));
      return;
    }
    this.#exchange.onMoved?.(length);
    const waitMs = this.#way.rate?.reserve(length) ?? 0;
    if (waitMs > 0) this.#pause(controller, waitMs);
  }

  onResponseEnd(): void {
    this.#finish();
    this.#way.resolve({
      status: this.#status,
      headers: this.#headers,
      body: concatBytes(this.#pieces),
      bodyBytes: this.#received,
    });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#finish();
    this.#way.reject(error);
  }

  get #head(): Pick<Dispatcher.DispatchOptions, 'method' | 'path'> &
    Pick<AnswerRequest, 'headers'> {
    const { method, target: path, headers, body } = this.#exchange;
    if (body === undefined) return { method, path, headers };
    return { method, path, headers: { ...headers, 'content-length': String(body.length) } };
  }

  get #succeeded(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #take(piece: Uint8Array): void {
    const { into, onData } = this.#exchange;
    this.#received += piece.length;
    if (this.#succeeded && onData !== undefined) {
      onData(new Uint8Array(piece));
    } else if (this.#succeeded && into !== undefined) {
      this.#place(piece, into);
      // What a pause leaves of what came with the piece is put back, and lies in the same memory.
      if (this.#way.rate === undefined) discardPiece(piece);
    } else {
      if (this.#received > LIMITS.responseBytesMax) throw tooLong(LIMITS.responseBytesMax);
      this.#pieces.push(new Uint8Array(piece));
    }
  }

  /** Copies `piece` to the views, behind what came before. */
  #place(piece: Uint8Array, views: readonly Uint8Array[]): void {
    for (let rest = piece; rest.length > 0; ) {
      const view = views[this.#view];
      if (view === undefined) throw tooLong(this.#received - rest.length);
      const part = rest.subarray(0, view.length - this.#viewLength);
      copyBytes(part, view, this.#viewLength);
      this.#viewLength += part.length;
      rest = rest.subarray(part.length);
      if (this.#viewLength < view.length) continue;
      this.#view += 1;
      this.#viewLength = 0;
    }
  }

  #pause(controller: Dispatcher.DispatchController, waitMs: number): void {
    controller.pause();
    this.#movement.isPaused = true;
    clearTimeout(this.#resume);
    // It keeps the process running: a paused connection does not. Whatever ends the exchange clears it.
    this.#resume = setTimeout(() => {
      this.#movement.isPaused = false;
      controller.resume();
    }, waitMs);
  }

  #finish(): void {
    this.#way.watch.remove(this.#movement);
    clearTimeout(this.#resume);
    if (this.#abort !== undefined) {
      this.#exchange.signal?.removeEventListener('abort', this.#abort);
    }
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function stalled(url: string): GdpfsError {
  return new GdpfsError('unavailable', `cannot reach "${url}": it stopped answering`);
}

function tooLong(bytesMax: number): GdpfsError {
  return new GdpfsError('corrupt', `cannot use response: more than ${bytesMax} bytes`);
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('the transfer was canceled');
}
