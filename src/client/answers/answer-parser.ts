import type { IncomingHttpHeaders } from 'node:http';
import { asBuffer } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';

/** What comes before the body. */
export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; values of one name are joined. */
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the body; undefined if it comes in pieces that say how long they are. */
  readonly length: number | undefined;
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
const LINE_END = '\r\n';
/** The length of a chunk, with the extensions that nobody uses. */
const LINE_BYTES_MAX = 1024;

/**
 * Reads one HTTP/1.1 answer, to anything but a HEAD, that says where it ends, as those of our server
 * do (RFC 9112). Any other throws `UnusualAnswer` before its head is told. A body whose chunks are
 * malformed throws `corrupt`; anything else that is thrown comes from the taker.
 */
export class AnswerParser {
  readonly #taker: AnswerTaker;
  /** What has come of the head, or of a line between chunks; undefined in a body, and behind it. */
  #text: string | undefined = '';
  #place: 'head' | 'body' | 'chunk size' | 'chunk' | 'chunk end' | 'trailer' = 'head';
  /** Bytes of the body, or of its chunk, that are still to come. */
  #left = 0;

  constructor(taker: AnswerTaker) {
    this.#taker = taker;
  }

  /** Bytes that belong to the answer; fewer than there are, or `isDone`: it ends there. */
  push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.isDone) {
      const rest = at === 0 ? bytes : bytes.subarray(at);
      at += this.#text === undefined ? this.#pushBody(rest) : this.#pushText(rest);
    }
    return at;
  }

  get isDone(): boolean {
    return this.#text === undefined && this.#left === 0;
  }

  #pushBody(bytes: Uint8Array): number {
    const end = Math.min(bytes.length, this.#left);
    this.#left -= end;
    this.#taker.data(end === bytes.length ? bytes : bytes.subarray(0, end));
    if (this.#left === 0 && this.#place === 'chunk') this.#expect('chunk end');
    return end;
  }

  /** Takes a head or a line, when it is whole. */
  #pushText(bytes: Uint8Array): number {
    const before = this.#text ?? '';
    const isHead = this.#place === 'head';
    const mark = isHead ? HEAD_END : LINE_END;
    const bytesMax = isHead ? LIMITS.answerHeadBytesMax : LINE_BYTES_MAX;
    const text = before + asBuffer(bytes).toString('latin1', 0, bytesMax);
    const end = text.indexOf(mark);
    if (end >= 0) {
      this.#text = undefined;
      if (isHead) this.#takeHead(text.slice(0, end));
      else this.#takeLine(text.slice(0, end));
      return end + mark.length - before.length;
    }
    if (text.length >= bytesMax) throw isHead ? new UnusualAnswer('its head is long') : malformed();
    this.#text = text;
    return bytes.length;
  }

  #takeHead(text: string): void {
    const head = parseHead(text);
    if (head.length === undefined) this.#expect('chunk size');
    else {
      this.#left = head.length;
      this.#place = 'body';
    }
    this.#taker.head(head);
  }

  #takeLine(line: string): void {
    switch (this.#place) {
      case 'chunk size': {
        const [, digits] = /^([\da-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line) ?? [];
        if (digits === undefined) throw malformed();
        this.#left = Number.parseInt(digits, 16);
        if (this.#left === 0) return this.#expect('trailer');
        this.#place = 'chunk';
        return;
      }
      case 'chunk end':
        if (line !== '') throw malformed();
        return this.#expect('chunk size');
      default:
        // Nobody sends a trailer, and nobody would read it.
        if (line !== '') throw malformed();
    }
  }

  #expect(place: 'chunk size' | 'chunk end' | 'trailer'): void {
    this.#place = place;
    this.#text = '';
  }
}

function malformed(): GdpfsError {
  return new GdpfsError('corrupt', 'cannot use response: its chunks are malformed');
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
  const { connection } = headers;
  return {
    status,
    headers,
    length: lengthOf(status, headers),
    isKept: !/\bclose\b/i.test(connection ?? ''),
  };
}

/** Undefined for chunks. */
function lengthOf(status: number, headers: Readonly<Record<string, string>>): number | undefined {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (status !== 204 && status !== 304) {
    if (encoding === undefined && /^\d{1,15}$/.test(length ?? '')) return Number(length);
    if (encoding?.toLowerCase() === 'chunked' && length === undefined) return undefined;
  }
  throw new UnusualAnswer('it does not say how long it is');
}
