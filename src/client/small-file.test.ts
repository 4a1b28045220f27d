import assert from 'node:assert/strict';
import { lstatSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha256 } from '../base/digest.ts';
import { decodeTar } from '../wire/tar.ts';
import { TarWriter } from '../wire/tar-writer.ts';
import { attributesOf } from './local-attributes.ts';
import { packSmallFile } from './small-file.ts';
import type { TreeEntry } from './sync/action.ts';

/** A file that has been at rest for long: this one. */
const PATH = import.meta.filename;
const CONTENT = readFileSync(PATH);

function listed(): TreeEntry {
  const stats = lstatSync(PATH, { bigint: true });
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
    const tar = new TarWriter();
    const packed = packSmallFile(PATH, { ...listed(), ...other }, tar);
    assert.deepEqual(packed.entry, listed());
    assert.deepEqual(packed.digest, sha256(CONTENT));
    const [entry, ...more] = decodeTar(tar.finish());
    assert.deepEqual(more, []);
    assert(entry?.kind === 'file');
    assert.deepEqual(Buffer.from(entry.data), CONTENT);
    assert.deepEqual(entry.digest, sha256(CONTENT));
    assert.equal(entry.mtimeUs, listed().mtimeUs);
  });
}

test('packSmallFile() leaves nothing of a file that it cannot pack in the tar', () => {
  const tar = new TarWriter();
  const directory = { ...listed(), size: 4096 };
  assert.throws(() => packSmallFile(import.meta.dirname, directory, tar), {
    code: 'source_changed',
  });
  assert.equal(tar.length, 0);
});
