import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8Encode } from '../base/bytes.ts';
import { encodeZip } from './zip.ts';

const SCRIPT = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
for info in archive.infolist():
    print(info.filename, oct(info.external_attr >> 16), archive.read(info).decode())
`;

test('encodeZip() makes an archive that other programs read, with private files', async (context) => {
  if (spawnSync('python3', ['--version']).status !== 0) {
    context.skip('no python3 to read the archive with');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'gdpfs-zip-'));
  try {
    const path = join(folder, 'a.zip');
    const entries = [
      { name: 'config.json', data: utf8Encode('{}') },
      { name: 'profiles/é/client.key', data: utf8Encode('key') },
      { name: 'empty', data: new Uint8Array(0) },
    ];
    await writeFile(path, encodeZip(entries));
    const read = spawnSync('python3', ['-c', SCRIPT, path], { encoding: 'utf8' });
    const lines = 'config.json 0o100600 {}\nprofiles/é/client.key 0o100600 key\nempty 0o100600 \n';
    assert.equal(read.stdout, lines, read.stderr);
    assert((await stat(path)).size === (await readFile(path)).length);
  } finally {
    await rm(folder, { recursive: true });
  }
});
