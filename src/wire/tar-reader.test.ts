import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { packTar } from 'modern-tar';
import { sharedBytes } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { readTar } from './tar-reader.ts';

/** Longer than a header's field, with and without bytes beyond ASCII. */
const LONG = 'long-name-'.repeat(15);
const LONG_UTF8 = 'längere-'.repeat(15);

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-tar-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function pack(folder: string, format: string): Uint8Array {
  return execFileSync('tar', ['-C', folder, `--format=${format}`, '--sort=name', '-c', '.']);
}

function refuses(bytes: Uint8Array, pattern: RegExp): void {
  assert.throws(
    () => readTar(bytes),
    (error: unknown) => isGdpfsError(error, 'bad_request') && pattern.test(error.message),
  );
}

for (const format of ['gnu', 'posix']) {
  test(`readTar() reads what tar --format=${format} writes`, (context) => {
    const folder = makeFolder(context);
    writeFileSync(join(folder, 'a'), 'hello');
    utimesSync(join(folder, 'a'), 1.25e9, 1.25e9);
    mkdirSync(join(folder, LONG));
    writeFileSync(join(folder, LONG, LONG_UTF8), 'x'.repeat(513));
    symlinkSync(LONG_UTF8, join(folder, LONG, 'link'));
    writeFileSync(join(folder, 'old'), '');
    const time = new Date(-1e12);
    utimesSync(join(folder, 'old'), time, time);
    const entries = readTar(pack(folder, format)).map(({ name, type, mtimeUs, linkName, data }) => {
      return { name, type, mtimeUs, linkName, text: Buffer.from(data).toString() };
    });
    assert.deepEqual(
      entries.map(({ name, type }) => [name, type]),
      [
        ['./', '5'],
        ['./a', '0'],
        [`./${LONG}/`, '5'],
        [`./${LONG}/link`, '2'],
        [`./${LONG}/${LONG_UTF8}`, '0'],
        ['./old', '0'],
      ],
    );
    const [, a, , link, long, old] = entries;
    assert.deepEqual([a?.text, a?.mtimeUs, old?.mtimeUs], ['hello', 1.25e15, -1e15]);
    assert.deepEqual([link?.linkName, long?.text], [LONG_UTF8, 'x'.repeat(513)]);
  });
}

test('readTar() joins the two parts of a ustar name', (context) => {
  const folder = makeFolder(context);
  mkdirSync(join(folder, LONG.slice(0, 90)));
  writeFileSync(join(folder, LONG.slice(0, 90), LONG.slice(0, 80)), '');
  const names = readTar(pack(folder, 'ustar')).map(({ name }) => name);
  assert.equal(names.at(-1), `./${LONG.slice(0, 90)}/${LONG.slice(0, 80)}`);
});

test('readTar() applies global records to all entries, unless they have their own', (context) => {
  const folder = makeFolder(context);
  for (const name of ['a', 'b']) writeFileSync(join(folder, name), '');
  utimesSync(join(folder, 'a'), 8, 8);
  utimesSync(join(folder, 'b'), 9.5, 9.5);
  const options = ['--format=posix', '--pax-option=mtime=7.5', '--sort=name'];
  const bytes = execFileSync('tar', ['-C', folder, ...options, '-c', 'a', 'b']);
  assert.deepEqual(
    readTar(bytes).map(({ name, mtimeUs }) => [name, mtimeUs]),
    [
      ['a', 7.5e6],
      ['b', 9.5e6],
    ],
  );
});

test('readTar() gives views of the body, also of shared memory', async () => {
  const name = `${LONG_UTF8}/f`;
  const packed = await packTar([
    { header: { name, size: 3, type: 'file', pax: { path: name } }, body: 'abc' },
  ]);
  const bytes = sharedBytes(packed.length);
  bytes.set(packed);
  const [entry] = readTar(bytes);
  assert(entry !== undefined);
  assert.equal(entry.name, name);
  assert.equal(Buffer.from(entry.data).toString(), 'abc');
  assert.equal(entry.data.buffer, bytes.buffer);
});

test('readTar() refuses a pax record that does not end where it says', async () => {
  const pax = { comment: 'x' };
  const packed = await packTar([{ header: { name: 'a', size: 0, type: 'file', pax } }]);
  const at = packed.findIndex((byte, index) => byte === 0x20 && index >= 512);
  for (const length of ['1', '0', '99', '-', ' ']) {
    const bytes = packed.slice();
    bytes.set(Buffer.from(length.padStart(at - 512)), 512);
    refuses(bytes, /pax record is malformed/);
  }
});

test('readTar() refuses sizes that no body can have', async () => {
  for (const size of ['99999999999999999999', '-1', '1e3', '2000', '']) {
    // The packer has its own idea of `size`, so it gets another key of that length.
    const header = { name: 'a', size: 0, type: 'file', pax: { ezis: size } } as const;
    const bytes = await packTar([{ header }]);
    bytes.set(Buffer.from('size'), Buffer.from(bytes).indexOf('ezis'));
    refuses(bytes, /framing is damaged/);
  }
});
