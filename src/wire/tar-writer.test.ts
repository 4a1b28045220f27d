import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { unpackTar } from 'modern-tar';
import { concatBytes, hexEncode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { decodeTar, type TarEntry } from './tar.ts';
import { readTar } from './tar-reader.ts';
import { streamTar, type TarStreamEntry } from './tar-stream.ts';
import { encodeTar, TarWriter } from './tar-writer.ts';

const DATA = new Uint8Array(700).fill(7);
const FILE = {
  kind: 'file',
  path: 'a',
  mode: 0o640,
  mtimeUs: 1_234_567_890_123,
  data: DATA,
} as const;
const LONG = `${'long name '.repeat(12)}\u00e9\n\u{1f600}`;
const ENTRIES: readonly TarEntry[] = [
  { kind: 'directory', path: LONG, mode: 0o750, mtimeUs: -5 },
  { ...FILE, path: `${LONG}/file`, digest: sha256(DATA) },
  { ...FILE, path: 'empty', data: new Uint8Array(0) },
  { kind: 'symlink', path: 'link', mode: 0o777, mtimeUs: 1_000_000, target: `${LONG}/file` },
];

describe('TarWriter', () => {
  test('writes what another library reads', async () => {
    const read = await unpackTar(encodeTar(ENTRIES), { strict: true });
    assert.deepEqual(
      read.map(({ header }) => [header.name, header.type, header.mode, header.size]),
      [
        [`${LONG}/`, 'directory', 0o750, 0],
        [`${LONG}/file`, 'file', 0o640, 700],
        ['empty', 'file', 0o640, 0],
        ['link', 'symlink', 0o777, 0],
      ],
    );
    assert.deepEqual(read[1]?.data, DATA);
    assert.equal(read[1]?.header.mtime?.getTime(), 1_234_567_000);
    assert.equal(read[1]?.header.pax?.['GDPFS.sha256'], hexEncode(sha256(DATA)));
    assert.equal(read[3]?.header.linkname, `${LONG}/file`);
  });

  test('writes what the system tar unpacks', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'gdpfs-tar-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const options = ['-C', folder, '-x', '-p', '--warning=no-unknown-keyword'];
    execFileSync('tar', options, { input: encodeTar(ENTRIES), stdio: ['pipe', 'pipe', 'ignore'] });
    const file = join(folder, LONG, 'file');
    assert.deepEqual(new Uint8Array(readFileSync(file)), DATA);
    assert.equal(lstatSync(file).mode & 0o777, 0o640);
    assert.equal(lstatSync(file).mtimeMs, 1_234_567_000);
    assert.equal(readlinkSync(join(folder, 'link')), `${LONG}/file`);
    assert.equal(lstatSync(join(folder, 'empty')).size, 0);
  });

  test('writes the same into memory that was used before and that must grow', () => {
    const writer = new TarWriter(new Uint8Array(3000).fill(255).buffer);
    for (const entry of ENTRIES) writer.add(entry);
    assert.deepEqual(writer.finish(), encodeTar(ENTRIES));
  });

  test('says sizes and times that no header can hold in records', () => {
    const writer = new TarWriter();
    writer.addHead({ ...FILE, size: 9 * 2 ** 30, mtimeUs: Number.MAX_SAFE_INTEGER });
    assert.throws(() => readTar(writer.take()), /cut off/);
    writer.add({ kind: 'directory', path: 'a', mode: 0, mtimeUs: Number.MAX_SAFE_INTEGER });
    const [entry] = decodeTar(writer.finish());
    assert.equal(entry?.mtimeUs, Number.MAX_SAFE_INTEGER);
  });
});

test('streamTar() gives a large file piece by piece between others', async () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield DATA.subarray(0, 300);
    yield DATA.subarray(300);
  }
  async function* entries(): AsyncGenerator<TarStreamEntry> {
    await Promise.resolve();
    yield FILE;
    const { data: _, ...head } = FILE;
    yield { ...head, path: 'large', size: 700, content: pieces() };
    yield { kind: 'directory', path: 'd', mode: 0o755, mtimeUs: 1 };
  }
  const collected: Uint8Array[] = [];
  for await (const piece of streamTar(entries())) collected.push(piece);
  assert.deepEqual(decodeTar(concatBytes(collected)), [
    FILE,
    { ...FILE, path: 'large' },
    { kind: 'directory', path: 'd', mode: 0o755, mtimeUs: 1 },
  ]);
});
