import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { countsOf, Tally } from './tally.ts';

function sizesOf(tally: Tally): readonly number[] {
  const { files, bytes, bytesSent, bytesReused } = countsOf(tally);
  return [files, bytes, bytesSent, bytesReused];
}

test('Tally counts what files on their way have sent and found so far', () => {
  const tally = new Tally();
  const [first, second] = [tally.beginFile(), tally.beginFile()];
  first.onProgress(10, 4);
  second.onProgress(5);
  assert.deepEqual(sizesOf(tally), [0, 15, 4, 11]);
  first.done({ path: 'a', size: 10, bytesSent: 4, bytesReused: 6 });
  assert.deepEqual(sizesOf(tally), [1, 15, 4, 11]);
  assert.deepEqual(tally.moving, { bytesSent: 0, bytesReused: 5 });
});

test('Tally takes back what a failed file has added, but not what crossed the wire', () => {
  const tally = new Tally();
  const file = tally.beginFile();
  file.onProgress(10, 4);
  file.failed();
  assert.deepEqual(sizesOf(tally), [0, 0, 4, 0]);
});

test('Tally.result() of a transfer that ends early has what was on its way', () => {
  const tally = new Tally();
  tally.beginFile().onProgress(10, 4);
  const { files, bytes, bytesSent, bytesReused } = tally.result();
  assert.deepEqual([files, bytes, bytesSent, bytesReused], [0, 10, 4, 6]);
});

test('Tally ends with what the files say, whatever they reported on the way', () => {
  const reports = fc.array(fc.tuple(fc.integer({ min: -100, max: 100 }), fc.nat({ max: 100 })));
  fc.assert(
    fc.property(fc.array(reports, { maxLength: 5 }), (files) => {
      const tally = new Tally();
      for (const [index, progress] of files.entries()) {
        const file = tally.beginFile();
        for (const [bytes, bytesSent] of progress) file.onProgress(bytes, bytesSent);
        file.done({ path: `${index}`, size: 3, bytesSent: 1, bytesReused: 2 });
      }
      const { length } = files;
      assert.deepEqual(tally.moving, { bytesSent: 0, bytesReused: 0 });
      assert.deepEqual(sizesOf(tally), [length, tally.bytes, length, 2 * length]);
    }),
  );
});
