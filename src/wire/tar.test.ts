import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { packTar } from 'modern-tar';
import { concatBytes } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeTar, type TarEntry } from './tar.ts';
import { encodeTar } from './tar-writer.ts';

const nameArbitrary = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.constantFrom(
      '\uFEFFbom',
      '\uFFFD',
      'e\u0301',
      '\u00e9',
      '-rf',
      'a\nb',
      'n'.repeat(255),
      ' ',
    ),
  )
  .filter(
    (name) =>
      !/[/\0]/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 255,
  );
const pathArbitrary = fc
  .array(nameArbitrary, { minLength: 1, maxLength: 5 })
  .map((names) => names.join('/'));
const base = {
  path: pathArbitrary,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtimeUs: fc.maxSafeInteger(),
};
const plain = { noNullPrototype: true };
const entryArbitrary: fc.Arbitrary<TarEntry> = fc.oneof(
  fc
    .record(
      { ...base, kind: fc.constant('file' as const), data: fc.uint8Array({ maxLength: 3000 }) },
      plain,
    )
    .map((file) => ({ ...file, digest: sha256(file.data) })),
  fc.record({ ...base, kind: fc.constant('directory' as const) }, plain),
  fc.record({ ...base, kind: fc.constant('symlink' as const), target: pathArbitrary }, plain),
);

function flip(bytes: Uint8Array, index: number, mask: number): void {
  bytes[index] = (bytes[index] ?? 0) ^ mask;
}

function refuses(bytes: Uint8Array, pattern: RegExp): void {
  assert.throws(
    () => decodeTar(bytes),
    (error: unknown) => {
      assert(isGdpfsError(error, 'bad_request', 'name_too_long', 'body_too_large'), String(error));
      assert.match(error.message, pattern);
      return true;
    },
  );
}

test('decodeTar() returns what encodeTar() was given', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entryArbitrary, { maxLength: 12 }), async (entries) => {
      assert.deepEqual(decodeTar(encodeTar(entries)), entries);
    }),
  );
});

test('decodeTar() keeps a manifest of several chunks', async () => {
  const data = new Uint8Array(10);
  const chunk = data.subarray(0, 4);
  const one = { length: 4, checksum: crc32(chunk), digest: sha256(chunk) };
  const manifest = [
    { offset: 0, ...one },
    { offset: 6, ...one },
  ];
  const file = { path: 'a', kind: 'file', mode: 0o644, mtimeUs: 1, data, manifest } as const;
  assert.deepEqual(decodeTar(encodeTar([file])), [file]);
});

test('decodeTar() answers damaged bytes with an error or with entries, never with a crash', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entryArbitrary, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.nat(),
      async (entries, flips, cut) => {
        const bytes = encodeTar(entries);
        for (const [at, mask] of flips) flip(bytes, at % bytes.length, mask);
        try {
          decodeTar(bytes.subarray(0, cut % 4 === 0 ? cut % bytes.length : bytes.length));
        } catch (error) {
          assert(isGdpfsError(error, 'bad_request', 'name_too_long'), String(error));
        }
      },
    ),
  );
});

test('decodeTar() refuses a body that is cut anywhere', async () => {
  const data = new Uint8Array(700).fill(7);
  const bytes = encodeTar([{ path: 'a', kind: 'file', mode: 0o644, mtimeUs: 1, data }]);
  for (let length = 1; length < bytes.length; length += 101) {
    refuses(bytes.subarray(0, length), /framing is damaged/);
  }
});

test('decodeTar() refuses names that lead out of the directory', async () => {
  for (const name of ['/etc/passwd', '../a', 'a/../../b', 'a/./b', 'a//b', '..']) {
    const bytes = await packTar([{ header: { name, size: 0, type: 'file' } }]);
    refuses(bytes, /cannot use/);
  }
});

test('decodeTar() refuses hard links, devices and fifos', async () => {
  for (const type of ['link', 'character-device', 'block-device', 'fifo'] as const) {
    const bytes = await packTar([{ header: { name: 'x', size: 0, type, linkname: 'y' } }]);
    refuses(bytes, /need a file, directory or symlink/);
  }
});

test('decodeTar() refuses a name that is not UTF-8', async () => {
  const bytes = await packTar([{ header: { name: 'aXb', size: 0, type: 'file' } }]);
  bytes[1] = 0xff;
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  const stored = bytes.subarray(148, 156).reduce((total, byte) => total + byte, 0);
  const checksum = (sum - stored + 8 * 32).toString(8).padStart(6, '0');
  bytes.set(Buffer.from(`${checksum}\0 `), 148);
  refuses(bytes, /not UTF-8/);
});

test('decodeTar() refuses wrong pax records', async () => {
  const records = [
    { 'GDPFS.sha256': 'abc' },
    { 'GDPFS.mtime_us': '1e99' },
    { 'GDPFS.mtime_us': 'noon' },
    { 'GDPFS.manifest': 'AAAA' },
  ];
  for (const pax of records) {
    const bytes = await packTar([{ header: { name: 'x', size: 0, type: 'file', pax } }]);
    refuses(bytes, /cannot (use|read) tar/);
  }
});

test('decodeTar() refuses more entries or content than a stream may have', async () => {
  const header = { mode: 0o644, mtimeUs: 1 };
  const many = Array.from({ length: LIMITS.tarFilesMax + 1 }, (_, index) => {
    return { ...header, path: `d${index}`, kind: 'directory' as const };
  });
  refuses(encodeTar(many), /entries, need at most/);
  const data = new Uint8Array(LIMITS.tarBytesMax + 1);
  const large = encodeTar([{ ...header, path: 'a', kind: 'file', data }]);
  refuses(large, /content, need at most/);
});

test('decodeTar() refuses what is no tar', async () => {
  refuses(concatBytes([new Uint8Array(2048).fill(65)]), /framing is damaged/);
});

test('decodeTar() reads what the system tar writes, and the other way round', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-tar-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const name = `${'long-'.repeat(30)}\u00e9.txt`;
  writeFileSync(join(folder, name), 'hello');
  const packed = execFileSync('tar', ['-C', folder, '-c', '.']);
  const entries = decodeTar(packed);
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.path]),
    [['file', name]],
  );
  const listed = execFileSync('tar', ['-t', '--warning=no-unknown-keyword'], {
    input: encodeTar(entries),
    encoding: 'utf8',
  });
  assert.equal(listed.trim().length > 0, true);
  execFileSync('tar', ['-C', folder, '-x', '--warning=no-unknown-keyword', '--one-top-level=out'], {
    input: encodeTar(entries),
  });
  const file = entries[0];
  assert(file?.kind === 'file');
  assert.equal(Buffer.from(file.data).toString(), 'hello');
});
