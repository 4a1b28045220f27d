import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GdpfsError } from '../base/errors.ts';
import {
  decodePreparedCommit,
  decodeSignedCommit,
  encodePreparedCommit,
  encodeSignedCommit,
  type PreparedCommit,
} from './prepared-commit.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const PREPARED: PreparedCommit = {
  id: bytes(16, 1),
  timeMs: 1_700_000_000_123,
  frontier: bytes(40, 2),
  records: [bytes(3, 3), bytes(0, 0), bytes(200, 4)],
  parts: [
    { log: bytes(32, 5), firstSeq: 0, frontier: bytes(0, 0), records: [bytes(7, 6)] },
    { log: bytes(32, 7), firstSeq: 9, frontier: bytes(72, 8), records: [] },
  ],
  evidence: {
    checkpoint: {
      checkpoint: bytes(100, 9),
      meta: bytes(60, 10),
      policy: bytes(80, 11),
      consistency: [bytes(32, 12)],
    },
    nodes: [bytes(0, 0), bytes(50, 13)],
    entries: [bytes(70, 14)],
    last: '',
  },
};

test('a prepared commit is read as it was written', () => {
  assert.deepEqual(decodePreparedCommit(encodePreparedCommit(PREPARED)), PREPARED);
});

test('a prepared commit that is cut anywhere, or has more bytes, is refused', () => {
  const body = encodePreparedCommit(PREPARED);
  const isCorrupt = (error: unknown): boolean =>
    error instanceof GdpfsError && error.code === 'corrupt';
  for (let length = 0; length < body.length; length += 1) {
    assert.throws(() => decodePreparedCommit(body.subarray(0, length)), isCorrupt);
  }
  assert.throws(() => decodePreparedCommit(Buffer.concat([body, bytes(1, 0)])), isCorrupt);
});

test('a signed commit is an id and a note, which may be empty', () => {
  for (const note of [bytes(0, 0), bytes(300, 1)]) {
    assert.deepEqual(decodeSignedCommit(encodeSignedCommit(bytes(16, 2), note)), {
      id: bytes(16, 2),
      note,
    });
  }
  assert.throws(() => decodeSignedCommit(bytes(15, 0)), GdpfsError);
});
