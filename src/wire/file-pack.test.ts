import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { fc } from '../../test/support/property.ts';
import { decodePack, encodePackHead, type PackedFile } from './file-pack.ts';

interface File {
  readonly index: number;
  readonly data: Uint8Array;
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
}

/** Stretches of data and holes, in turns. */
const file = fc
  .array(fc.record({ hole: fc.nat(5), data: fc.uint8Array({ minLength: 1, maxLength: 20 }) }), {
    maxLength: 4,
  })
  .chain((stretches) =>
    fc.nat(5).map((end): Omit<File, 'index'> => {
      const parts: Uint8Array[] = [];
      const pieces: { offset: number; length: number }[] = [];
      let offset = 0;
      for (const { hole, data } of stretches) {
        parts.push(new Uint8Array(hole), data);
        pieces.push({ offset: offset + hole, length: data.length });
        offset += hole + data.length;
      }
      return { data: concatBytes([...parts, new Uint8Array(end)]), pieces };
    }),
  );

const files = fc
  .array(fc.record({ skipped: fc.nat(3), file }), { maxLength: 6 })
  .map((all): File[] => {
    let index = -1;
    return all.map(({ skipped, file: { data, pieces } }) => {
      index += 1 + skipped;
      return { index, data, pieces };
    });
  });

/** With bytes that belong to nobody between the pieces. */
function pack(all: readonly File[]): Uint8Array {
  const content: Uint8Array[] = [];
  let length = 0;
  const heads = all.map(({ index, data, pieces }): PackedFile => {
    const places = pieces.map(({ offset, length: count }) => {
      content.push(new Uint8Array([1, 2, 3]), data.subarray(offset, offset + count));
      length += 3 + count;
      return length - count;
    });
    return { index, size: data.length, pieces, places };
  });
  return concatBytes([encodePackHead(heads), ...content]);
}

function corrupt(act: () => unknown): void {
  assert.throws(act, (error) => isGdpfsError(error, 'corrupt'));
}

const WHOLE: PackedFile = {
  index: 0,
  size: 3,
  pieces: [{ offset: 0, length: 3 }],
  places: [0],
};

function body(head: PackedFile, content: readonly number[] = [7, 8, 9]): Uint8Array {
  return concatBytes([encodePackHead([head]), new Uint8Array(content)]);
}

describe('decodePack()', () => {
  it('gives the files that were packed, whole, in pieces, with holes, and empty ones', () => {
    fc.assert(
      fc.property(files, (all) => {
        const askedCount = (all.at(-1)?.index ?? 0) + 1;
        assert.deepEqual(decodePack(pack(all), askedCount), all);
      }),
    );
  });

  it('refuses a body that is cut off anywhere', () => {
    const all = [
      { index: 0, data: new Uint8Array([1, 2]), pieces: [{ offset: 0, length: 2 }] },
      { index: 2, data: new Uint8Array([0, 9]), pieces: [{ offset: 1, length: 1 }] },
    ];
    const bytes = pack(all);
    assert.deepEqual(decodePack(bytes, 3), all);
    for (let end = 0; end < bytes.length; end += 1) {
      corrupt(() => decodePack(bytes.subarray(0, end), 3));
    }
  });

  it('refuses files that nobody asked for, twice the same, and out of order', () => {
    assert.equal(decodePack(body(WHOLE), 1).length, 1);
    corrupt(() => decodePack(body(WHOLE), 0));
    corrupt(() => decodePack(body({ ...WHOLE, index: 1 }), 1));
    for (const indexes of [
      [0, 0],
      [1, 0],
    ]) {
      const heads = indexes.map((index) => ({ ...WHOLE, index }));
      const bytes = concatBytes([encodePackHead(heads), new Uint8Array(3)]);
      corrupt(() => decodePack(bytes, 2));
    }
  });

  it('refuses pieces that are empty, overlap, or do not fit into file or body', () => {
    const pieces = (...all: [number, number][]): PackedFile => ({
      ...WHOLE,
      pieces: all.map(([offset, length]) => ({ offset, length })),
      places: all.map(() => 0),
    });
    assert.deepEqual(
      decodePack(body(pieces([0, 1], [1, 2])), 1)[0]?.data,
      new Uint8Array([7, 7, 8]),
    );
    corrupt(() => decodePack(body(pieces([0, 0])), 1));
    corrupt(() => decodePack(body(pieces([0, 4])), 1));
    corrupt(() => decodePack(body(pieces([1, 3])), 1));
    corrupt(() => decodePack(body(pieces([0, 2], [1, 1])), 1));
    corrupt(() => decodePack(body(pieces([1, 1], [0, 1])), 1));
    corrupt(() => decodePack(body({ ...WHOLE, places: [1] }), 1));
    corrupt(() => decodePack(body({ ...WHOLE, places: [2 ** 32 - 1] }), 1));
  });

  it('refuses a file that is not small or has too many pieces before it takes memory', () => {
    const empty = { index: 0, pieces: [], places: [] };
    const most = LIMITS.smallFileBytesMax;
    assert.equal(decodePack(body({ ...empty, size: most }), 1)[0]?.data.length, most);
    corrupt(() => decodePack(body({ ...empty, size: most + 1 }), 1));
    const many = Array.from({ length: LIMITS.packedFilePiecesMax + 1 }, (_, offset) => ({
      offset,
      length: 1,
    }));
    const size = many.length;
    const content = Array.from(many, () => 5);
    corrupt(() =>
      decodePack(body({ index: 0, size, pieces: many, places: many.map(() => 0) }, content), 1),
    );
    const fewer = many.slice(1);
    const places = fewer.map(() => 0);
    assert.equal(decodePack(body({ index: 0, size, pieces: fewer, places }), 1).length, 1);
  });

  it('refuses files that are together more than a pack may have, before it takes memory', () => {
    const size = LIMITS.smallFileBytesMax;
    const most = LIMITS.tarBytesMax / size;
    const holes = (count: number): Uint8Array =>
      encodePackHead(
        Array.from({ length: count }, (_, index) => ({ index, size, pieces: [], places: [] })),
      );
    assert.equal(decodePack(holes(most), most + 1).length, most);
    corrupt(() => decodePack(holes(most + 1), most + 1));
  });
});
