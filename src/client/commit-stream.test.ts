import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteWriter } from '../format/byte-writer.ts';
import { SizedFrames } from './commit-stream.ts';

function length(bytes: number): Uint8Array {
  return new ByteWriter(4).uint32(bytes).finish();
}

test('SizedFrames finds the frames, whatever the pieces are that they come in', () => {
  const frame = fc.uint8Array({ maxLength: 20 });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(30)), (expected, cuts) => {
      const bytes = concatBytes(expected.flatMap((each) => [length(each.length), each]));
      const frames = new SizedFrames();
      const found: Uint8Array[] = [];
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        for (const each of frames.push(bytes.subarray(from, from + cut))) found.push(each.slice());
        from += cut;
      }
      frames.end();
      assert.deepEqual(found, expected);
    }),
  );
});

test('SizedFrames takes a commit of any length that a frame may have, and no longer one', () => {
  assert.deepEqual(new SizedFrames().push(length(LIMITS.frameBytesMax)), []);
  assert.throws(
    () => new SizedFrames().push(length(LIMITS.frameBytesMax + 1)),
    (error) => isGdpfsError(error, 'corrupt'),
  );
});

test('SizedFrames finds that the last frame was cut off', () => {
  for (const piece of [length(0).subarray(1), length(1)]) {
    const frames = new SizedFrames();
    assert.deepEqual(frames.push(piece), []);
    assert.throws(
      () => frames.end(),
      (error) => isGdpfsError(error, 'unavailable'),
    );
  }
});
