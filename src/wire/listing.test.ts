import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { decodeListing, type ListingRow, ListingWriter } from './listing.ts';

const name = fc
  .oneof(
    fc.constantFrom('a', 'b', 'a-b', '\ufffd', '\u{1f600}', 'line\nbreak'),
    fc.string({ unit: 'binary' }),
  )
  .filter((text) => text !== '' && !text.includes('/') && text.isWellFormed());
const relative = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
const common = {
  relative,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtimeUs: fc.maxSafeInteger(),
};
const row: fc.Arbitrary<ListingRow> = fc.oneof(
  fc.record({
    ...common,
    kind: fc.constant('file' as const),
    size: fc.maxSafeNat(),
    content: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ ...common, kind: fc.constant('file' as const), size: fc.maxSafeNat() }),
  fc.record({ ...common, kind: fc.constant('directory' as const), size: fc.constant(0) }),
  fc.record({
    ...common,
    kind: fc.constant('symlink' as const),
    size: fc.constant(0),
    target: fc.string({ unit: 'grapheme', minLength: 1 }),
  }),
);

function encode(rows: readonly ListingRow[]): Uint8Array {
  const writer = new ListingWriter();
  for (const one of rows) writer.add(one);
  return writer.finish();
}

function plain(rows: readonly ListingRow[]): unknown[] {
  return rows.map(({ content, ...rest }) => ({ ...rest, content: content && [...content] }));
}

describe('ListingWriter and decodeListing()', () => {
  test('give back every row, in any order', () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        assert.deepEqual(plain(decodeListing(encode(rows))), plain(rows));
      }),
    );
  });

  test('give back paths of 256 levels and rows beyond the first buffer', () => {
    const deep = [...Array(256).keys()].map((index) => `d${index}`);
    const rows: ListingRow[] = deep.map((_, index) => {
      const path = deep.slice(0, index + 1).join('/');
      return { relative: path, kind: 'directory', size: 0, mode: 0o755, mtimeUs: -1 };
    });
    const last = { relative: `${deep.slice(0, -1).join('/')}/z`, kind: 'file', size: 1 } as const;
    rows.push({ ...last, mode: 0, mtimeUs: 0 });
    const many = [...Array(5000).keys()].map((index): ListingRow => {
      return { relative: `zz/${index}`, kind: 'file', size: index, mode: 0o644, mtimeUs: index };
    });
    assert.deepEqual(decodeListing(encode([...rows, ...many])), [...rows, ...many]);
  });

  test('do not repeat the directories of a path', () => {
    const entry = { kind: 'directory', size: 0, mode: 0, mtimeUs: 0 } as const;
    const once = encode([{ ...entry, relative: 'directory/below/a' }]).length;
    const twice = encode([
      { ...entry, relative: 'directory/below/a' },
      { ...entry, relative: 'directory/below/b' },
    ]).length;
    assert.equal(twice - once, 15);
  });

  test('refuse what is no listing with one error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeListing(bytes);
        } catch (error) {
          assert(isGdpfsError(error, 'corrupt'));
        }
      }),
    );
    const whole = encode([
      { relative: 'a', kind: 'symlink', size: 0, mode: 0, mtimeUs: 0, target: 'b' },
    ]);
    for (let length = 1; length < whole.length; length += 1) {
      assert.throws(() => decodeListing(whole.subarray(0, length)), /cut short|a path/);
    }
    const isBad = (bytes: Uint8Array): void => {
      assert.throws(
        () => decodeListing(bytes),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    };
    isBad(Uint8Array.from(whole, (byte, index) => (index === 0 ? 9 : byte)));
    isBad(Uint8Array.from(whole, (byte, index) => (index === 1 ? 1 : byte)));
    isBad(Uint8Array.from(whole, (byte, index) => (index === 2 ? 0x80 : byte)));
    isBad(Uint8Array.from(whole, (byte, index) => (index === 4 ? 0x7f : byte)));
    isBad(Uint8Array.from(whole, (byte, index) => (index === 14 ? 0xff : byte)));
  });
});
