import { LIMITS } from '../base/limits.ts';
import type { ErrorCode, Problem } from '../wire/generated/api.ts';

/** What the server, or the way to it, has against a request. */
export class RequestError extends Error {
  readonly code: ErrorCode | 'offline';
  readonly hint: string | undefined;

  constructor(code: ErrorCode | 'offline', message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: { readonly type: string; readonly bytes: BodyInit };
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

const RETRIED = new Set<string>(['busy', 'unavailable', 'offline']);
const RETRY_MS = 500;

export function urlOf(path: string, query: Call['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

/** The answer, a success. Throws RequestError; what may be repeated is, some times. */
export async function send(method: string, path: string, call: Call = {}): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(method, path, call);
    } catch (error) {
      const mayRepeat = method === 'GET' || call.headers?.['Idempotency-Key'] !== undefined;
      const isPassing = error instanceof RequestError && RETRIED.has(error.code);
      if (!isPassing || !mayRepeat || attempt > LIMITS.pageRetriesMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * 2 ** attempt));
      call.signal?.throwIfAborted();
    }
  }
}

async function sendOnce(method: string, path: string, call: Call): Promise<Response> {
  const { query, json, body, headers, signal } = call;
  const type = json === undefined ? body?.type : 'application/json';
  let response: Response;
  try {
    response = await fetch(urlOf(path, query), {
      method,
      headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
      body: json === undefined ? (body?.bytes ?? null) : JSON.stringify(json),
      signal: signal ?? null,
      redirect: 'error',
    });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw new RequestError('offline', 'cannot reach the server', String(error));
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<RequestError> {
  const { status } = response;
  try {
    const { code, detail, hint } = (await response.json()) as Problem;
    return new RequestError(code, detail, hint);
  } catch {
    return new RequestError('unavailable', `cannot use the answer: status ${status}`);
  }
}

export async function get<T>(path: string, call: Call = {}): Promise<T> {
  return (await (await send('GET', path, call)).json()) as T;
}

/** A change: a repeat of it, when the answer was lost, is no second one. */
export async function change<T>(method: string, path: string, call: Call = {}): Promise<T> {
  const headers = { 'Idempotency-Key': crypto.randomUUID(), ...call.headers };
  return (await (await send(method, path, { ...call, headers })).json()) as T;
}
