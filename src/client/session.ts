import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { HEADERS } from '../wire/headers.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { decodeProblem } from '../wire/problem.ts';
import {
  type Answer,
  type Connection,
  type ConnectionOptions,
  type Exchange,
  openConnection,
} from './connection.ts';
import type { CredentialStore } from './credentials.ts';
import type { FlowOptions } from './flow/flow-options.ts';
import { RateLimit } from './flow/rate-limit.ts';
import { SessionFlow } from './flow/session-flow.ts';
import { openRenewingConnection } from './renewing-connection.ts';
import { RETRY_AFTER, withRetry } from './retry.ts';

/** Options that are handed through: here an absent one may also be given as undefined. */
export type MaybeUndefined<T> = { [Key in keyof T]: T[Key] | undefined };

/** Whom to reach as whom, and how. */
export interface SessionOptions extends ConnectionOptions, FlowOptions {
  /**
   * Where certificate and key come from, which must be given too: the certificate is renewed before it
   * expires, also in the middle of a transfer. Absent: it is used as long as it works.
   */
  readonly credentials?: CredentialStore | undefined;
  /** For the dates of certificates. The system's if absent. */
  readonly clock?: Clock | undefined;
}

/** A request to the API. What is absent or undefined is not sent. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path of the route, such as `/api/v1/files`. */
  readonly route: string;
  readonly query?: object | undefined;
  /** A JSON body. */
  readonly json?: unknown;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array } | undefined;
  readonly accept?: string | undefined;
  readonly ifMatch?: string | undefined;
  /** Nothing may be at the path. */
  readonly ifAbsent?: boolean | undefined;
  /** Changes something: gets an Idempotency-Key, the same through all retries. */
  readonly changes?: boolean | undefined;
  /** That key, where other requests are about the same change. A new one if absent. */
  readonly requestId?: string | undefined;
  /** Waits for no other request: others may wait for what it does. */
  readonly isUrgent?: boolean | undefined;
  /** The server answers when something has happened: waits for no other, and no other waits for it. */
  readonly isLong?: boolean | undefined;
  readonly into?: readonly Uint8Array[] | undefined;
  readonly onData?: ((piece: Uint8Array) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A successful answer. */
export interface ApiAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** Bytes of the body, wherever it went. */
  readonly bodyBytes: number;
}

/** A server, reached as one principal. Close it, or its connections keep the process alive. */
export interface Session extends AsyncDisposable {
  readonly url: string;
  /** A request that changes something was sent. */
  readonly hasChanged: boolean;
  /**
   * Resolves when the server answered with success. Throws the error that it answered, or
   * `unavailable` or `untrusted` for the network. What the error table lets retry is retried;
   * not so a request with `onData`, whose caller must be able to start over.
   */
  request(request: ApiRequest): Promise<ApiAnswer>;
}

export function openSession(options: SessionOptions): Session {
  const sender = new Sender(connect(options), options);
  return {
    url: options.url,
    get hasChanged() {
      return sender.hasChanged;
    },
    request: (request) => sender.send(request),
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

function connect(options: SessionOptions): Connection {
  const { bytesPerSecond, stallMs, credentials, certificate, key } = options;
  const rate = bytesPerSecond === undefined ? undefined : new RateLimit(bytesPerSecond);
  const flow = { stallMs, rate };
  if (credentials === undefined) return openConnection(options, flow);
  assert(certificate !== undefined && key !== undefined, 'there is something to renew');
  return openRenewingConnection({ ...options, credentials, certificate, key }, flow);
}

/** The body of an answer as JSON of the type that the contract promises. */
export function jsonOf<T>(answer: ApiAnswer): T {
  try {
    return JSON.parse(utf8Decode(answer.body)) as T;
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot use response: it is not JSON', { cause });
  }
}

/** Makes exchanges of requests, lets them wait for their turn, and repeats them. */
class Sender implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #flow: SessionFlow;
  readonly #onWait: FlowOptions['onWait'];
  readonly #closed = new AbortController();
  /** Has the server ever answered anything? */
  #isKnown = false;
  hasChanged = false;

  constructor(connection: Connection, { onWait, bytesPerSecond }: FlowOptions) {
    this.#connection = connection;
    this.#flow = new SessionFlow(bytesPerSecond);
    this.#onWait = onWait;
  }

  async send(request: ApiRequest): Promise<ApiAnswer> {
    const { method, into, onData, signal } = request;
    if (request.changes === true) this.hasChanged = true;
    const body = bodyOf(request);
    const isDownload = into !== undefined || onData !== undefined || isTar(request.accept);
    const { gate, onMoved } = this.#flow.laneOf({ body: body?.bytes, isDownload });
    const exchange = {
      method,
      target: targetOf(request),
      headers: headersOf(request, body),
      body: body?.bytes,
      into,
      onData,
      onMoved,
      isLong: request.isLong,
      signal,
    };
    const attempt = (retries: number): Promise<ApiAnswer> => {
      const pass = (): Promise<ApiAnswer> =>
        this.#exchange({ ...exchange, isRepeated: retries > 0 });
      const isFree = request.isUrgent === true || request.isLong === true;
      return isFree ? pass() : gate.pass(pass, signal);
    };
    if (onData !== undefined) return await attempt(0);
    return await withRetry(attempt, {
      signal,
      end: this.#closed.signal,
      patienceMs: () => this.#patienceMs,
      onWait: this.#onWait,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #exchange(exchange: Exchange): Promise<ApiAnswer> {
    const answer = await this.#connection.exchange(exchange);
    const isSuccess = answer.status >= 200 && answer.status <= 299;
    const error = isSuccess ? undefined : errorOf(answer);
    // Where the server does not answer, a proxy in front of it still does.
    if (error?.code !== 'unavailable') this.#isKnown = true;
    if (error !== undefined) throw error;
    return answer;
  }

  get #patienceMs(): number {
    return this.#isKnown ? LIMITS.retryPatienceMs : LIMITS.firstContactPatienceMs;
  }
}

function isTar(accept: string | undefined): boolean {
  return accept === MEDIA_TYPES.tar;
}

function bodyOf(request: ApiRequest): ApiRequest['body'] {
  if (request.json === undefined) return request.body;
  return { type: MEDIA_TYPES.json, bytes: utf8Encode(JSON.stringify(request.json)) };
}

function targetOf({ route, query = {} }: ApiRequest): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? route : `${route}?${parameters.toString()}`;
}

function headersOf(request: ApiRequest, body: ApiRequest['body']): Record<string, string> {
  return {
    accept: request.accept ?? MEDIA_TYPES.json,
    ...(body === undefined ? {} : { 'content-type': body.type }),
    ...(request.changes === true
      ? { [HEADERS.idempotencyKey]: request.requestId ?? randomUUID() }
      : {}),
    ...(request.ifMatch === undefined ? {} : { 'if-match': `"${request.ifMatch}"` }),
    ...(request.ifAbsent === true ? { 'if-none-match': '*' } : {}),
  };
}

function errorOf(answer: Answer): GdpfsError {
  const error = decodeProblem(answer.status, answer.body);
  const retryAfterSeconds = Number(answer.headers['retry-after']);
  if (!Number.isFinite(retryAfterSeconds)) return error;
  return new GdpfsError(error.code, error.message, {
    cause: error,
    details: { ...error.details, [RETRY_AFTER]: retryAfterSeconds },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
