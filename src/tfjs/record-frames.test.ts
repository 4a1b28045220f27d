import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { maskedCrc32c } from './crc32c.ts';
import { encodeRecord, RecordDecoder } from './record-frames.ts';

const NAME = 'gdp://vision/train';

function decodeAll(file: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const decoder = new RecordDecoder(NAME);
  const records: Uint8Array[] = [];
  for (let start = 0, turn = 0; start < file.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    records.push(...decoder.push(file.subarray(start, start + length)));
    start += length;
  }
  decoder.end();
  return records;
}

test('RecordDecoder finds the records that were encoded, wherever the pieces end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
      (records, lengths) => {
        const file = concatBytes(records.map(encodeRecord));
        assert.deepEqual(decodeAll(file, lengths), records);
      },
    ),
  );
});

test('RecordDecoder hands out memory of its own', () => {
  const piece = encodeRecord(Uint8Array.of(1, 2, 3));
  const [record] = new RecordDecoder(NAME).push(piece);
  piece.fill(0);
  assert.deepEqual(record, Uint8Array.of(1, 2, 3));
});

test('RecordDecoder finds every changed bit, and says in which record of which file', () => {
  const records = [randomBytes(20), randomBytes(30), randomBytes(5)];
  const frames = records.map(encodeRecord);
  const file = concatBytes(frames);
  for (let bit = 0; bit < 8 * file.length; bit += 1) {
    const damaged = Uint8Array.from(file);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let start = 0;
    const number = frames.findIndex((frame) => (start += frame.length) > bit >> 3);
    const offset = start - (frames[number]?.length ?? 0);
    assert.throws(
      () => decodeAll(damaged, [17]),
      (error) =>
        isGdpfsError(error, 'corrupt') &&
        error.message.includes(`record ${number} at byte ${offset} of "${NAME}"`) &&
        error.details['offset'] === offset,
      `bit ${bit}`,
    );
  }
});

test('RecordDecoder refuses every file that is cut off, but where a record ends', () => {
  const frames = [randomBytes(20), randomBytes(0), randomBytes(5)].map(encodeRecord);
  const file = concatBytes(frames);
  const ends = [0, 36, 52, 73];
  for (let length = 0; length <= file.length; length += 1) {
    const read = () => decodeAll(file.subarray(0, length), [7]);
    if (ends.includes(length)) read();
    else
      assert.throws(
        read,
        (error) => isGdpfsError(error, 'corrupt') && /ends inside/.test(error.message),
      );
  }
});

test('RecordDecoder spends no memory on a record beyond the limit', () => {
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  view.setBigUint64(0, BigInt(LIMITS.tfrecordBytesMax) + 1n, true);
  view.setUint32(8, maskedCrc32c(head.subarray(0, 8)), true);
  assert.throws(
    () => new RecordDecoder(NAME).push(head),
    (error) => error instanceof GdpfsError && error.code === 'body_too_large',
  );
});
