import assert from 'node:assert/strict';
import fs, { lstatSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { sha256 } from '../base/digest.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { decodeEntryPack } from '../wire/entry-pack.ts';
import { EntryPackWriter } from '../wire/entry-pack-writer.ts';
import { attributesOf } from './local-attributes.ts';
import { packSmallFile } from './small-file.ts';
import type { TreeEntry } from './sync/action.ts';

/** A file that has been at rest for long: this one. */
const PATH = import.meta.filename;
const CONTENT = readFileSync(PATH);

function listed(path = PATH): TreeEntry {
  const stats = lstatSync(path, { bigint: true });
  return { kind: 'file', relative: 'f', size: Number(stats.size), ...attributesOf(stats) };
}

const OTHERS: readonly (readonly [string, Partial<TreeEntry>])[] = [
  ['as it is listed', {}],
  ['that was older when it was listed', { mtimeUs: 1 }],
  ['that was shorter when it was listed', { size: 1 }],
  ['that was longer when it was listed', { size: CONTENT.length + 1 }],
  ['that had another mode when it was listed', { mode: 0o111 }],
];
for (const [what, other] of OTHERS) {
  test(`packSmallFile() packs a file ${what} as it is`, () => {
    const pack = new EntryPackWriter(new ArrayBuffer(0));
    const packed = packSmallFile(PATH, { ...listed(), ...other }, pack);
    assert.deepEqual(packed.entry, listed());
    assert.deepEqual(packed.digest, sha256(CONTENT));
    const [entry, ...more] = decodeEntryPack(pack.finish());
    assert.deepEqual(more, []);
    assert(entry?.kind === 'file');
    assert.deepEqual(Buffer.from(entry.data), CONTENT);
    assert.deepEqual(entry.digest, sha256(CONTENT));
    assert.equal(entry.mtimeUs, listed().mtimeUs);
  });
}

test('packSmallFile() leaves nothing of a file that it cannot pack', () => {
  const pack = new EntryPackWriter(new ArrayBuffer(0));
  const directory = { ...listed(), size: 4096 };
  assert.throws(() => packSmallFile(import.meta.dirname, directory, pack), {
    code: 'source_changed',
  });
  assert.equal(pack.count, 0);
  assert.deepEqual(decodeEntryPack(pack.finish()), []);
});

test('packSmallFile() mixes no two contents, even if the file gets its old time back', () => {
  using folder = new Scratch();
  const path = join(folder.path, 'f');
  const [older, newer] = [Buffer.alloc(1000, 'a'), Buffer.alloc(1000, 'b')];
  writeFileSync(path, older);
  utimesSync(path, 1, 1);
  const entry = listed(path);
  const { readSync } = fs;
  // The first read gets a half, and then somebody writes the file.
  const read = mock.method(fs, 'readSync', (file: number, bytes: Uint8Array, offset: number) => {
    if (read.mock.callCount() > 0)
      return readSync(file, bytes, offset, bytes.length - offset, offset);
    const length = readSync(file, bytes, 0, 500, 0);
    writeFileSync(path, newer);
    utimesSync(path, 1, 1);
    return length;
  });
  syncBuiltinESMExports();
  try {
    const packed = packSmallFile(path, entry, new EntryPackWriter(new ArrayBuffer(0)));
    assert.deepEqual(Buffer.from(packed.data), newer);
    assert.deepEqual(packed.digest, sha256(newer));
  } finally {
    read.mock.restore();
    syncBuiltinESMExports();
  }
});
