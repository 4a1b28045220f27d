import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import {
  bytesFeature,
  decodeExample,
  encodeExample,
  type Feature,
  floatFeature,
  int64Feature,
} from './example.ts';

const features = fc.oneof(
  fc.array(fc.uint8Array()).map((values): Feature => bytesFeature(...values)),
  fc.array(fc.float()).map((values): Feature => floatFeature(values)),
  fc
    .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
    .map((values): Feature => int64Feature(values)),
);

test('decodeExample() gives back what encodeExample() was given', () => {
  const names = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(fc.array(fc.tuple(names, features)), (entries) => {
      const given = new Map(entries);
      assert.deepEqual(decodeExample(encodeExample(given)), given);
    }),
  );
});

test('encodeExample() writes the bytes that the schema says', () => {
  const bytes = encodeExample([['a', int64Feature([1, -1])]]);
  const minusOne = 'ffffffffffffffffff01';
  assert.equal(Buffer.from(bytes).toString('hex'), `0a160a140a0161120f1a0d0a0b01${minusOne}`);
});

test('decodeExample() takes numbers that are not packed, and lists in several runs', () => {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string('x');
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Bit32).float(1.5);
  writer.tag(1, WireType.Bit32).float(2.5);
  writer.tag(1, WireType.LengthDelimited).fork().float(3.5).join();
  const bytes = writer.join().join().join().join().finish();
  assert.deepEqual(decodeExample(bytes).get('x'), floatFeature([1.5, 2.5, 3.5]));
});

test('decodeExample() of hostile bytes is an error of its own or a map, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        assert(decodeExample(bytes) instanceof Map);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('int64Feature() refuses what is no integer', () => {
  assert.throws(() => int64Feature([1.5]), RangeError);
});
