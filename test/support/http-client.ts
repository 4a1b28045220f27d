/** Plain HTTP for tests of the server: no retries. Every answer must be one that the contract promises. */
import assert from 'node:assert/strict';
import { Client, type Dispatcher } from 'undici';
import { type Answer, assertPromised } from './promised-answer.ts';

export interface HttpClientOptions {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly key?: string;
  readonly certificate?: string;
}

export interface HttpRequest {
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A JSON body. */
  readonly json?: unknown;
  /** Any other body. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly type?: string;
}

/** `json` is the body as JSON, if it is that; `code` that of a problem document. */
export type HttpAnswer = Answer;

/** One kept-alive connection. */
export class HttpClient implements AsyncDisposable {
  readonly #client: Client;
  readonly options: HttpClientOptions;

  constructor(options: HttpClientOptions) {
    const { url, ca, key, certificate } = options;
    this.options = options;
    const pair = key === undefined ? {} : { key, cert: certificate };
    this.#client = new Client(url, { connect: { ca, ...pair } });
  }

  async send(method: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    const { query = {}, headers, json, body, type } = request;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) search.set(name, String(value));
    const contentType = json === undefined ? type : 'application/json';
    const answer = await this.#client.request({
      method: method as Dispatcher.HttpMethod,
      path: search.size === 0 ? path : `${path}?${search.toString()}`,
      headers: {
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      ...(json !== undefined ? { body: JSON.stringify(json) } : {}),
      ...(body !== undefined ? { body: body as Buffer } : {}),
    });
    const bytes = new Uint8Array(await answer.body.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    const parsed = /json/.test(String(answer.headers['content-type'])) ? parse(text) : undefined;
    const code = (parsed as { code?: string } | undefined)?.code;
    const { statusCode: status, headers: fields } = answer;
    const whole = { status, headers: fields, bytes, text, json: parsed, code };
    assertPromised(method, path, whole);
    return whole;
  }

  /** The same caller on a connection of its own. */
  another(): HttpClient {
    return new HttpClient(this.options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}

function parse(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

/** The answer, which must be a success. */
export async function ok(answer: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const { status, text } = await answer;
  assert(status < 300, text);
  return await answer;
}
