import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32 } from '../base/digest.ts';
import { zipCentralHeader, zipEnd, type ZipHead, zipLocalHeader } from './zip.ts';

const GIB = 1024 ** 3;
const SCRIPT = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
infos = archive.infolist()
print(len(infos), infos[0].file_size, infos[-1].header_offset, archive.read(infos[-1]).decode())
`;

/** Writes an archive of these files, of which the last one alone has bytes; holes are the rest. */
function archiveOf(context: TestContext, files: readonly ZipHead[], last: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-zip-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'large.zip');
  const file = openSync(path, 'w');
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const head of files) {
    const local = zipLocalHeader(head);
    directory.push(zipCentralHeader(head, offset));
    writeSync(file, local, 0, local.length, offset);
    offset += local.length + head.size;
  }
  writeSync(file, last, 0, last.length, offset - last.length);
  const central = Buffer.concat(directory);
  writeSync(file, central, 0, central.length, offset);
  const end = zipEnd({ count: files.length, offset, length: central.length });
  writeSync(file, end, 0, end.length, offset + central.length);
  closeSync(file);
  return path;
}

function fileOf(name: string, data: Uint8Array): ZipHead {
  return {
    name,
    size: data.length,
    checksum: crc32(data),
    mode: 0o644,
    mtimeMs: 1_700_000_000_000,
  };
}

for (const { title, files } of [
  {
    title: 'a file of more than 4 GiB, and one that begins behind it',
    files: (): ZipHead[] => [{ ...fileOf('large', Buffer.alloc(0)), size: 5 * GIB }],
  },
  {
    title: 'more than 65,535 names',
    files: (): ZipHead[] =>
      Array.from({ length: 66_000 }, (_, index) => fileOf(`n${index}`, Buffer.alloc(0))),
  },
]) {
  test(`other programs read an archive with ${title}`, (context) => {
    if (spawnSync('python3', ['--version']).status !== 0) {
      return context.skip('no python3 to read the archive with');
    }
    const last = Buffer.from('the last one');
    const heads = files();
    const path = archiveOf(context, [...heads, fileOf('last', last)], last);
    const { stdout, stderr } = spawnSync('python3', ['-c', SCRIPT, path], { encoding: 'utf8' });
    const offset = heads.reduce((sum, head) => sum + zipLocalHeader(head).length + head.size, 0);
    const expected = [heads.length + 1, heads[0]?.size, offset, 'the last one'].join(' ');
    assert.equal(stdout, `${expected}\n`, stderr);
  });
}

test('times that DOS or Unix do not know are left out, others are there to the second', () => {
  const head = fileOf('a', Buffer.alloc(0));
  const timed = zipLocalHeader(head);
  assert.equal(timed.length, zipLocalHeader({ ...head, mtimeMs: -1000 }).length + 9);
  assert.equal(Buffer.from(timed).readUInt32LE(timed.length - 4), 1_700_000_000);
  // 14 November 2023, 22:13:20.
  assert.equal(Buffer.from(timed).readUInt16LE(10), (22 << 11) | (13 << 5) | 10);
  assert.equal(Buffer.from(timed).readUInt16LE(12), (43 << 9) | (11 << 5) | 14);
  const early = zipLocalHeader({ ...head, mtimeMs: 5000 });
  assert.equal(Buffer.from(early).readUInt16LE(12), 0x21);
});
