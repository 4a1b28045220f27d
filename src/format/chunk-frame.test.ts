import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  CHUNK_HEADER_BYTES,
  type ChunkFrame,
  ChunkFrameDecoder,
  type ChunkFrameHeader,
  encodeChunkHeader,
} from './chunk-frame.ts';

const frames = fc.array(
  fc
    .record(
      {
        offset: fc.maxSafeNat(),
        checksum: fc.nat({ max: 0xffff_ffff }),
        data: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      },
      { noNullPrototype: true },
    )
    .map((frame) => ({ ...frame, length: frame.data.length }))
    .filter((frame) => Number.isSafeInteger(frame.offset + frame.length)),
  { maxLength: 6 },
);

describe('encodeChunkHeader()', () => {
  it('writes offset, checksum and length, big-endian', () => {
    const header = encodeChunkHeader({ offset: 2 ** 33 + 5, checksum: 0xcafe_babe, length: 0x102 });
    assert.equal(Buffer.from(header).toString('hex'), '0000000200000005cafebabe00000102');
  });
});

describe('ChunkFrameDecoder', () => {
  it('finds the same frames wherever the body is cut into pieces', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 600 })), (expected, cuts) => {
        const body = bodyOf(expected);
        const decoder = new ChunkFrameDecoder();
        const found = cutAt(body, cuts).flatMap((piece) => decoder.push(piece));
        decoder.end();
        assert.deepEqual(found.map(plain), expected.map(plain));
      }),
    );
  });

  it('hands out a frame as soon as its last byte is there', () => {
    const body = bodyOf([{ offset: 0, checksum: 1, length: 3, data: Uint8Array.of(1, 2, 3) }]);
    const decoder = new ChunkFrameDecoder();
    assert.equal(decoder.push(body.subarray(0, -1)).length, 0);
    assert.equal(decoder.push(body.subarray(-1)).length, 1);
  });

  it('does not copy a frame that lies in one piece', () => {
    const body = bodyOf([{ offset: 0, checksum: 1, length: 3, data: Uint8Array.of(1, 2, 3) }]);
    const [whole] = new ChunkFrameDecoder().push(body);
    assert.equal(whole?.data.buffer, body.buffer);
    const decoder = new ChunkFrameDecoder();
    decoder.push(body.subarray(0, CHUNK_HEADER_BYTES));
    const [behindHeader] = decoder.push(body.subarray(CHUNK_HEADER_BYTES));
    assert.equal(behindHeader?.data.buffer, body.buffer);
  });

  it('takes a piece that lies in its place as it is, and offers none in a header', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    const body = bodyOf([{ offset: 0, checksum: 1, length: 5, data }]);
    const decoder = new ChunkFrameDecoder();
    assert.equal(decoder.place(), undefined);
    decoder.push(body.subarray(0, CHUNK_HEADER_BYTES - 1));
    assert.equal(decoder.place(), undefined);
    decoder.push(body.subarray(CHUNK_HEADER_BYTES - 1, CHUNK_HEADER_BYTES + 2));
    const place = decoder.place();
    assert.equal(place?.length, 3);
    place?.set(data.subarray(2));
    assert.deepEqual(decoder.push(place.subarray(0, 1)), []);
    assert.equal(decoder.place()?.length, 2);
    const [frame] = decoder.push(place.subarray(1));
    assert.deepEqual(frame?.data, data);
    assert.equal(frame.data.buffer, place.buffer);
    assert.equal(decoder.place(), undefined);
  });

  it('gathers a frame in memory of its own, so that pieces may be reused', () => {
    const body = bodyOf([{ offset: 0, checksum: 1, length: 3, data: Uint8Array.of(1, 2, 3) }]);
    const decoder = new ChunkFrameDecoder();
    decoder.push(body.subarray(0, -1));
    const [frame] = decoder.push(body.subarray(-1));
    body.fill(0);
    assert.deepEqual(frame?.data, Uint8Array.of(1, 2, 3));
  });

  it('end() rejects every truncation inside a frame', () => {
    const body = bodyOf([{ offset: 9, checksum: 1, length: 5, data: new Uint8Array(5).fill(7) }]);
    for (const damaged of truncations(body).slice(1)) {
      const decoder = new ChunkFrameDecoder();
      assert.deepEqual(decoder.push(damaged), []);
      assertBadRequest(() => decoder.end());
    }
  });

  it('end() rejects trailing bytes behind a frame', () => {
    const body = bodyOf([{ offset: 9, checksum: 1, length: 1, data: Uint8Array.of(7) }]);
    const decoder = new ChunkFrameDecoder();
    assert.equal(decoder.push(concatBytes([body, Uint8Array.of(0)])).length, 1);
    assertBadRequest(() => decoder.end());
  });

  it('end() accepts an empty body', () => {
    new ChunkFrameDecoder().end();
  });

  it('a flipped bit gives another frame or bad_request, never the same frame', () => {
    const expected = [{ offset: 9, checksum: 1, length: 5, data: new Uint8Array(5).fill(7) }];
    for (const damaged of bitFlips(bodyOf(expected))) {
      try {
        const decoder = new ChunkFrameDecoder();
        const found = decoder.push(damaged);
        decoder.end();
        assert.notDeepEqual(found.map(plain), expected.map(plain));
      } catch (error) {
        assert(isGdpfsError(error, 'bad_request'), String(error));
      }
    }
  });

  const impossible: Readonly<Record<string, ChunkFrameHeader>> = {
    'a length of 0': { offset: 0, checksum: 0, length: 0 },
    'a length over the limit': { offset: 0, checksum: 0, length: LIMITS.chunkBytesMax + 1 },
    'an end over 2^53': { offset: Number.MAX_SAFE_INTEGER, checksum: 0, length: 1 },
    'an offset over 2^53': { offset: 2 ** 53, checksum: 0, length: 1 },
  };
  for (const [what, header] of Object.entries(impossible)) {
    it(`push() rejects ${what} before any data arrives`, () => {
      assertBadRequest(() => new ChunkFrameDecoder().push(encodeChunkHeader(header)));
    });
  }

  it('push() rejects a negative offset', () => {
    const header = encodeChunkHeader({ offset: 0, checksum: 0, length: 1 }).fill(0xff, 0, 8);
    assertBadRequest(() => new ChunkFrameDecoder().push(header));
  });

  it('push() accepts the longest chunk', () => {
    const header = { offset: 5, checksum: 0, length: LIMITS.chunkBytesMax };
    const data = new Uint8Array(LIMITS.chunkBytesMax);
    assert.equal(new ChunkFrameDecoder().push(bodyOf([{ ...header, data }])).length, 1);
  });
});

function bodyOf(all: readonly ChunkFrame[]): Uint8Array {
  return concatBytes(all.flatMap((frame) => [encodeChunkHeader(frame), frame.data]));
}

function cutAt(body: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map((cut) => Math.min(cut, body.length)), body.length];
  ends.sort((left, right) => left - right);
  return ends.map((end, index) => body.subarray(ends[index - 1] ?? 0, end));
}

/** For comparing: without the class of `data`. */
/** As its sender made it. */
function plain({ offset, checksum, length, data }: ChunkFrame): unknown {
  return { offset, checksum, length, data: [...data] };
}

function assertBadRequest(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'bad_request'));
}
