import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { concatBytes } from '../../base/bytes.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type AnswerHead, AnswerParser, UnusualAnswer } from './answer-parser.ts';

interface Parsed {
  readonly head: AnswerHead | undefined;
  readonly body: Uint8Array;
  /** Bytes behind the answer. */
  readonly rest: number;
  readonly isDone: boolean;
}

/** What the parser makes of `bytes` that come in pieces of these lengths, again and again. */
function parse(bytes: Uint8Array, lengths: readonly number[] = [bytes.length]): Parsed {
  let head: AnswerHead | undefined;
  const pieces: Uint8Array[] = [];
  const parser = new AnswerParser({
    head: (found) => {
      assert.equal(head, undefined);
      head = found;
    },
    data: (piece) => pieces.push(piece.slice()),
  });
  let at = 0;
  for (let turn = 0; at < bytes.length && !parser.isDone; turn += 1) {
    const piece = bytes.subarray(at, at + (lengths[turn % lengths.length] ?? 1));
    const taken = parser.push(piece);
    at += taken;
    if (taken < piece.length) break;
  }
  return { head, body: concatBytes(pieces), rest: bytes.length - at, isDone: parser.isDone };
}

const answerOf = (head: readonly string[], body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);

test('an answer is the same however it is cut, and ends where it says', () => {
  const name = fc.stringMatching(/^x-[a-zA-Z0-9]{1,9}$/);
  const value = fc.stringMatching(/^[!-~][ -~]{0,20}[!-~]$/);
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
  fc.assert(
    fc.property(name, value, fc.uint8Array(), fc.nat(3), lengths, (...given) => {
      const [key, text, body, extra, cuts] = given;
      const head = ['HTTP/1.1 206 Partial', `${key}: ${text}`, `Content-Length: ${body.length}`];
      const bytes = Buffer.concat([answerOf(head, body), Buffer.alloc(extra)]);
      const parsed = parse(bytes, cuts);
      assert(parsed.isDone);
      assert.equal(parsed.head?.status, 206);
      assert.equal(parsed.head.headers[key.toLowerCase()], text);
      assert.equal(parsed.head.length, body.length);
      assert.deepEqual(Buffer.from(parsed.body), Buffer.from(body));
      assert.equal(parsed.rest, extra);
    }),
  );
});

const CHUNKED = ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'];

/** The body in chunks of these lengths, again and again. */
function chunked(body: Uint8Array, lengths: readonly number[]): Buffer {
  const parts: (string | Uint8Array)[] = [];
  for (let at = 0, turn = 0; at < body.length; turn += 1) {
    const chunk = body.subarray(at, at + (lengths[turn % lengths.length] ?? 1));
    parts.push(`${chunk.length.toString(16)}\r\n`, chunk, '\r\n');
    at += chunk.length;
  }
  return Buffer.concat([...parts, '0\r\n\r\n'].map((part) => Buffer.from(part)));
}

test('an answer in chunks is the same however it is cut, and ends where it says', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(3), lengths, lengths, (body, extra, chunks, cuts) => {
      const bytes = answerOf(CHUNKED, Buffer.concat([chunked(body, chunks), Buffer.alloc(extra)]));
      const parsed = parse(bytes, cuts);
      assert(parsed.isDone);
      assert.equal(parsed.head?.length, undefined);
      assert.deepEqual(Buffer.from(parsed.body), Buffer.from(body));
      assert.equal(parsed.rest, extra);
    }),
  );
});

test('an answer that is cut off is not done', () => {
  for (const bytes of [
    answerOf(['HTTP/1.1 200 OK', 'content-length: 5'], Buffer.from('12345')),
    answerOf(CHUNKED, chunked(Buffer.from('1234567'), [4])),
  ]) {
    for (let end = 0; end < bytes.length; end += 1) {
      assert(!parse(bytes.subarray(0, end), [3]).isDone, `${end} bytes`);
    }
  }
});

test('malformed chunks are no answer', () => {
  for (const body of [
    'x\r\n',
    '-1\r\nab',
    '\r\n',
    '2\r\nabc\r\n',
    '1\r\na\r\n0\r\nmore: x\r\n\r\n',
    `1;${'x'.repeat(2000)}`,
  ]) {
    const isCorrupt = (error: unknown): boolean => isGdpfsError(error, 'corrupt');
    assert.throws(() => parse(answerOf(CHUNKED, Buffer.from(body))), isCorrupt, body);
  }
});

test('an answer says whether its connection can be used again', () => {
  const isKept = (...lines: string[]): boolean | undefined =>
    parse(answerOf(['HTTP/1.1 200 OK', 'content-length: 0', ...lines], Buffer.alloc(0))).head
      ?.isKept;
  assert.equal(isKept(), true);
  assert.equal(isKept('Connection: keep-alive'), true);
  assert.equal(isKept('CONNECTION: Close'), false);
  assert.equal(isKept('Connection: upgrade', 'Connection: close'), false);
});

test('an answer that does not announce its length, or is no plain one, is unusual', () => {
  const length = 'content-length: 3';
  for (const head of [
    ['HTTP/1.1 200 OK'],
    ['HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked'],
    ['HTTP/1.1 200 OK', 'transfer-encoding: chunked', length],
    ['HTTP/1.1 200 OK', 'content-length: 3', 'content-length: 4'],
    ['HTTP/1.1 200 OK', 'content-length: -3'],
    ['HTTP/1.1 200 OK', 'content-length: 0x3'],
    ['HTTP/1.1 204 No Content', length],
    ['HTTP/1.1 304 Not Modified', length],
    ['HTTP/1.1 100 Continue', length],
    ['HTTP/1.0 200 OK', length],
    ['HTTP/2 200', length],
    ['SSH-2.0-OpenSSH_9.2'],
    ['HTTP/1.1 200 OK', length, 'no header'],
    ['HTTP/1.1 200 OK', length, ' folded: line'],
    ['HTTP/1.1 200 OK', length, `long: ${'x'.repeat(LIMITS.answerHeadBytesMax)}`],
  ]) {
    assert.throws(() => parse(answerOf(head, Buffer.from('abc'))), UnusualAnswer, head.join('|'));
  }
});
