import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from './private-file.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
});
after(() => rm(folder, { recursive: true }));

test('writePrivateFile() replaces a file, leaves nothing beside it, and only the owner can read it', async () => {
  const directory = join(folder, 'a', 'b');
  await makePrivateDirectory(directory);
  const path = join(directory, 'secret');
  // A leftover of a crash, open to everyone, must not lend its mode.
  await writeFile(`${path}.tmp`, 'left over, and longer than what comes', { mode: 0o644 });
  await writePrivateFile(path, 'one');
  await writePrivateFile(path, 'two');
  assert.equal(await readPrivateFile(path), 'two');
  assert.deepEqual(await readdir(directory), ['secret']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
});

test('readPrivateFile() tells a missing file from one it cannot read', async () => {
  assert.equal(await readPrivateFile(join(folder, 'none')), undefined);
  await assert.rejects(readPrivateFile(folder), (error) => isGdpfsError(error, 'local_io'));
});

test('writePrivateFile() names the file and the reason when it cannot write', async () => {
  await assert.rejects(
    writePrivateFile(join(folder, 'no-such-folder', 'x'), ''),
    /^GdpfsError: cannot write ".*no-such-folder\/x": no such file or directory$/,
  );
});
