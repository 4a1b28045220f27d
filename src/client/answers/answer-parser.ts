import type { IncomingHttpHeaders } from 'node:http';
import { asBuffer } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';

/** What comes before the body. */
export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; values of one name are joined. */
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the body. */
  readonly length: number;
  /** May the connection be used again? */
  readonly isKept: boolean;
}

export interface AnswerTaker {
  head(head: AnswerHead): void;
  /** A piece of the body, whose memory is used again when this returns. */
  data(piece: Uint8Array): void;
}

/** An answer that is no fault, but that takes a whole HTTP client to read. */
export class UnusualAnswer extends Error {}

const HEAD_END = '\r\n\r\n';

/**
 * Reads one HTTP/1.1 answer to a GET whose length is announced, as those of our server are (RFC 9112).
 * Any other throws `UnusualAnswer` before its head is told; anything else that is thrown comes from
 * the taker.
 */
export class AnswerParser {
  readonly #taker: AnswerTaker;
  /** What has come of the head; undefined behind it. */
  #text: string | undefined = '';
  /** Bytes of the body that are still to come. */
  #left = 0;

  constructor(taker: AnswerTaker) {
    this.#taker = taker;
  }

  /** Bytes that belong to the answer; fewer than there are, or `isDone`: it ends there. */
  push(bytes: Uint8Array): number {
    const start = this.#text === undefined ? 0 : this.#pushHead(bytes);
    const end = Math.min(bytes.length, start + this.#left);
    this.#left -= end - start;
    if (end > start) this.#taker.data(bytes.subarray(start, end));
    return end;
  }

  get isDone(): boolean {
    return this.#text === undefined && this.#left === 0;
  }

  /** Returns where the body begins. */
  #pushHead(bytes: Uint8Array): number {
    const before = this.#text ?? '';
    const text = before + asBuffer(bytes).toString('latin1', 0, LIMITS.answerHeadBytesMax);
    const end = text.indexOf(HEAD_END);
    if (end < 0) {
      if (text.length >= LIMITS.answerHeadBytesMax) throw new UnusualAnswer('its head is long');
      this.#text = text;
      return bytes.length;
    }
    const head = parseHead(text.slice(0, end));
    this.#text = undefined;
    this.#left = head.length;
    this.#taker.head(head);
    return end + HEAD_END.length - before.length;
  }
}

function parseHead(text: string): AnswerHead {
  const [first = '', ...lines] = text.split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first)?.[1]);
  if (!(status >= 200)) throw new UnusualAnswer(`its status is "${first}"`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === '') throw new UnusualAnswer('a line of its head is no header');
    const key = name.toLowerCase();
    const known = headers[key];
    headers[key] = known === undefined ? value : `${known}, ${value}`;
  }
  const { 'content-length': length = '', 'transfer-encoding': encoding, connection } = headers;
  if (!/^\d{1,15}$/.test(length) || encoding !== undefined || status === 204 || status === 304) {
    throw new UnusualAnswer('it does not say how long it is');
  }
  return { status, headers, length: Number(length), isKept: !/\bclose\b/i.test(connection ?? '') };
}
