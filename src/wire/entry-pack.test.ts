import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes, copyBytes } from '../base/bytes.ts';
import { sha256, sharedBytes } from '../base/digest.ts';
import { type ErrorCode, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { comparePaths } from '../format/path.ts';
import {
  decodeEntryPack,
  decodeHeads,
  headsOf,
  type PackEntry,
  type PackFile,
} from './entry-pack.ts';
import { encodeEntryPack, EntryPackWriter, packBytesMax } from './entry-pack-writer.ts';

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'a.', 'ä', '\u{1f600}', '\uFFFD', 'n'.repeat(255), '-\n"'),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/[/\0]|^\.{1,2}$/.test(text)),
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const common = { mode: fc.nat(0o7777), mtimeUs: fc.maxSafeInteger() };
const data = fc.uint8Array({ maxLength: 40 });

const entry: fc.Arbitrary<PackEntry> = fc.oneof(
  fc.record({ path, ...common, data }).map((file) => ({
    ...file,
    kind: 'file' as const,
    digest: sha256(file.data),
  })),
  fc.record({ kind: fc.constant('directory' as const), path, ...common }),
  fc.record({
    kind: fc.constant('symlink' as const),
    path,
    ...common,
    target: fc.oneof(path, fc.constant('../\u{10ffff}')),
  }),
  fc.record({
    kind: fc.constant('reference' as const),
    path,
    ...common,
    size: fc.integer({ min: 1, max: LIMITS.smallFileBytesMax }),
    checksum: fc.nat(2 ** 32 - 1),
    digest: data.map(sha256),
  }),
);

/** In listing order, each path once. */
const entries = fc
  .uniqueArray(entry, { maxLength: 12, selector: (one) => one.path })
  .map((all) => all.toSorted((left, right) => comparePaths(left.path, right.path)))
  .map((all) => all.map((one) => ({ ...one })));

const META = { mode: 0o640, mtimeUs: -1_500_000 };

function file(at: string, content = Uint8Array.of(1, 2, 3)): PackFile {
  return { kind: 'file', path: at, ...META, data: content, digest: sha256(content) };
}

function refuses(bytes: Uint8Array, code: ErrorCode, why: RegExp = /^cannot /): void {
  assert.throws(
    () => decodeEntryPack(bytes),
    (error) => {
      assert(isGdpfsError(error, code), String(error));
      assert.match(error.message, why);
      return true;
    },
  );
}

/** A pack of one file and one link, with one field of the first or second row changed. */
function withField(offset: number, bytes: readonly number[], row = 0): Uint8Array {
  const pack = encodeEntryPack([
    file('f'),
    { kind: 'symlink', path: 'l', ...META, target: 'f' },
  ]).slice();
  pack.set(bytes, 3 + 56 * row + offset);
  return pack;
}

describe('decodeEntryPack()', () => {
  it('gives the entries that were packed, whatever they are, from any memory', () => {
    fc.assert(
      fc.property(entries, (all) => {
        const pack = encodeEntryPack(all);
        const shared = sharedBytes(pack.length);
        copyBytes(pack, shared, 0);
        for (const bytes of [pack, shared]) {
          const found = decodeEntryPack(bytes).map((one) =>
            one.kind === 'directory' || one.kind === 'symlink'
              ? one
              : { ...one, digest: Uint8Array.from(one.digest), ...contentOf(one) },
          );
          assert.deepEqual(found, all);
        }
      }),
    );
  });

  it('takes no body that is cut off, or has more than it says, anywhere', () => {
    const pack = encodeEntryPack([
      file('a'),
      { kind: 'directory', path: 'd', ...META },
      { kind: 'symlink', path: 'd/l', ...META, target: 'x' },
      file('d/z', new Uint8Array(0)),
    ]);
    assert.equal(decodeEntryPack(pack).length, 4);
    for (let at = 0; at < pack.length; at += 1) {
      refuses(pack.subarray(0, at), 'bad_request');
      refuses(pack.subarray(at + 1), 'bad_request');
      refuses(
        concatBytes([pack.subarray(0, at), Uint8Array.of(0), pack.subarray(at)]),
        'bad_request',
      );
    }
    refuses(concatBytes([pack, Uint8Array.of(0)]), 'bad_request');
  });

  it('refuses or decodes whatever bytes there are, and fails at nothing else', () => {
    const pack = encodeEntryPack([file('a/b'), file('a/c'), file('b')]);
    const isDecoded = (bytes: Uint8Array): boolean => {
      try {
        decodeEntryPack(bytes);
        return true;
      } catch (error) {
        assert(
          isGdpfsError(error, 'bad_request', 'name_too_long', 'body_too_large'),
          String(error),
        );
        return false;
      }
    };
    for (let at = 0; at < pack.length; at += 1) {
      for (const bits of [1, 0x80, 0xff]) {
        const other = pack.slice();
        other[at] = (other[at] ?? 0) ^ bits;
        isDecoded(other);
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void isDecoded(bytes)));
  });

  for (const [what, other] of [
    ['absolute', '/a'],
    ['empty', ''],
    ['one that leaves the directory', '../a'],
    ['one that leaves a directory below', 'a/../../b'],
    ['a dot', './a'],
    ['without a name between slashes', 'a//b'],
    ['with a slash at its end', 'a/'],
    ['with a NUL', 'a\0b'],
  ] as const) {
    it(`refuses a path that is ${what}`, () => {
      refuses(encodeEntryPack([file(other)]), 'bad_request');
      refuses(encodeEntryPack([{ kind: 'directory', path: other, ...META }]), 'bad_request');
    });
  }

  it('refuses a name in a directory that it knows as in any other', () => {
    for (const last of ['', '.', '..', 'x\0', 'x/../y', 'x//y', 'x/']) {
      refuses(encodeEntryPack([file('d/a'), file(`d/${last}`)]), 'bad_request');
    }
    refuses(encodeEntryPack([file('d/a'), file(`d/${'n'.repeat(256)}`)]), 'name_too_long');
    refuses(encodeEntryPack([file('d/a'), file(`d/${'é'.repeat(128)}`)]), 'name_too_long');
  });

  it('refuses names and paths that are too long, and names that are not UTF-8', () => {
    refuses(encodeEntryPack([file('n'.repeat(256))]), 'name_too_long');
    refuses(encodeEntryPack([file(`${`${'n'.repeat(200)}/`.repeat(30)}n`)]), 'name_too_long');
    refuses(encodeEntryPack([file('d/'.repeat(LIMITS.pathDepthMax).concat('f'))]), 'name_too_long');
    const pack = encodeEntryPack([file('ab')]).slice();
    pack[3 + 56] = 0xff;
    refuses(pack, 'bad_request', /UTF-8/);
  });

  it('refuses what is there twice, or out of order', () => {
    refuses(encodeEntryPack([file('a'), file('a')]), 'bad_request', /order/);
    refuses(encodeEntryPack([file('b'), file('a')]), 'bad_request', /order/);
    refuses(encodeEntryPack([file('d/b'), file('d/a')]), 'bad_request', /order/);
    refuses(
      encodeEntryPack([file('d/b'), { kind: 'directory', path: 'd', ...META }]),
      'bad_request',
    );
    assert.equal(decodeEntryPack(encodeEntryPack([file('d/b'), file('d.')])).length, 2);
  });

  it('refuses rows with fields that no entry has', () => {
    const one = [0, 0, 0, 1];
    assert.equal(decodeEntryPack(withField(48, [0x0f, 0xff])).length, 2);
    refuses(withField(48, [0x10, 0]), 'bad_request', /mode/);
    refuses(withField(32, [0x7f]), 'bad_request', /time/);
    refuses(withField(54, [0]), 'bad_request');
    refuses(withField(54, [5]), 'bad_request');
    refuses(withField(55, [1]), 'bad_request');
    // A checksum of what is here, a digest, size or checksum of a link, and a file with a target.
    refuses(withField(44, one), 'bad_request', /checksum/);
    for (const offset of [0, 31, 40, 44]) refuses(withField(offset, [1], 1), 'bad_request');
    refuses(withField(54, [1], 1), 'bad_request');
    refuses(withField(54, [2], 1), 'bad_request');
  });

  it('refuses content that is not that of its files', () => {
    refuses(withField(40, [0, 0, 0, 2]), 'bad_request', /content/);
    refuses(withField(40, [0, 0, 0, 4]), 'bad_request', /content/);
    refuses(withField(40, [0xff, 0xff, 0xff, 0xff]), 'body_too_large');
    // A reference has none.
    refuses(withField(54, [4]), 'bad_request', /content/);
  });

  it('refuses links that lead nowhere or are too long, and references to nothing', () => {
    const link = { kind: 'symlink', path: 'l', ...META } as const;
    refuses(encodeEntryPack([{ ...link, target: '' }]), 'bad_request');
    refuses(encodeEntryPack([{ ...link, target: 'a\0' }]), 'bad_request');
    const target = 't'.repeat(LIMITS.symlinkTargetBytesMax);
    assert.equal(decodeEntryPack(encodeEntryPack([{ ...link, target }])).length, 1);
    refuses(encodeEntryPack([{ ...link, target: `${target}t` }]), 'name_too_long');
    const reference = { kind: 'reference', path: 'r', ...META, checksum: 1 } as const;
    const digest = sha256(Uint8Array.of(1));
    refuses(encodeEntryPack([{ ...reference, digest, size: 0 }]), 'bad_request');
    const size = LIMITS.smallFileBytesMax + 1;
    refuses(encodeEntryPack([{ ...reference, digest, size }]), 'body_too_large');
  });

  it('refuses more entries, more content, and larger files than a pack may have', () => {
    const names = Array.from({ length: LIMITS.tarFilesMax + 1 }, (_, index) => `f${1e6 + index}`);
    const empty = new Uint8Array(0);
    const most = names.slice(1).map((at) => file(at, empty));
    assert.equal(decodeEntryPack(encodeEntryPack(most)).length, LIMITS.tarFilesMax);
    refuses(encodeEntryPack(names.map((at) => file(at, empty))), 'body_too_large');
    const large = new Uint8Array(LIMITS.smallFileBytesMax);
    const digest = sha256(large);
    const count = LIMITS.tarBytesMax / large.length;
    const files = names
      .slice(0, count + 1)
      .map((at) => ({ ...file(at, empty), data: large, digest }));
    assert.equal(decodeEntryPack(encodeEntryPack(files.slice(1))).length, count);
    refuses(encodeEntryPack(files), 'body_too_large');
    refuses(encodeEntryPack([file('f', new Uint8Array(large.length + 1))]), 'body_too_large');
    // A number of rows that no body has.
    const pack = encodeEntryPack([file('f')]).slice();
    pack.fill(0xff, pack.length - 4);
    refuses(pack, 'bad_request');
  });
});

describe('headsOf()', () => {
  it('says all of a pack but its content, and differs where anything of it does', () => {
    fc.assert(
      fc.property(entries, entries, (left, right) => {
        const [one, other] = [left, right].map((all) => Buffer.from(headsOf(encodeEntryPack(all))));
        assert(one !== undefined && other !== undefined);
        const told = decodeHeads(one).map(({ kind, path: at }) => [kind, at]);
        assert.deepEqual(
          told,
          left.map(({ kind, path: at }) => [kind, at]),
        );
        const again = Buffer.from(headsOf(encodeEntryPack(structuredClone(left))));
        assert(one.equals(again));
        let isSame = true;
        try {
          assert.deepEqual(left, right);
        } catch {
          isSame = false;
        }
        assert.equal(one.equals(other), isSame);
      }),
    );
  });
});

describe('EntryPackWriter', () => {
  it('writes over memory that is large enough, and forgets what is undone', () => {
    const all = [file('a'), file('b'), file('ü', new Uint8Array(500).fill(7))];
    const memory = new SharedArrayBuffer(packBytesMax(all.map(asListed)));
    new Uint8Array(memory).fill(0xee);
    const writer = new EntryPackWriter(memory);
    for (const one of all) {
      writer.open({ path: `${one.path}-undone`, ...META }, one.data.length).fill(9);
      writer.undo();
      writer.add(one);
    }
    assert.equal(writer.count, 3);
    const pack = writer.finish();
    assert.equal(pack.buffer, memory);
    assert.deepEqual(Buffer.from(pack), Buffer.from(encodeEntryPack(all)));
  });

  it('leaves nothing of a file that is undone to a directory in its place', () => {
    const directory = { kind: 'directory', path: 'a', ...META } as const;
    const writer = new EntryPackWriter(new ArrayBuffer(0));
    writer.open({ path: 'undone', ...META }, 300).fill(9);
    writer.undo();
    writer.add(directory);
    assert.deepEqual(Buffer.from(writer.finish()), Buffer.from(encodeEntryPack([directory])));
  });

  it('grows, in shared memory if it began in such', () => {
    const names = Array.from({ length: 300 }, (_, index) => `${1000 + index}${'n'.repeat(100)}`);
    const all = names.map((at) => file(at));
    for (const memory of [new SharedArrayBuffer(5), new ArrayBuffer(0)]) {
      const writer = new EntryPackWriter(memory);
      for (const one of all) writer.add(one);
      const pack = writer.finish();
      assert.equal(pack.buffer.constructor, memory.constructor);
      assert.deepEqual(Buffer.from(pack), Buffer.from(encodeEntryPack(all)));
    }
  });
});

function asListed({ path: relative, data: { length: size } }: PackFile): {
  readonly relative: string;
  readonly size: number;
} {
  return { relative, size };
}

function contentOf(one: PackEntry): { readonly data?: Uint8Array } {
  return one.kind === 'file' ? { data: Uint8Array.from(one.data) } : {};
}
