import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, sha256 } from '../base/digest.ts';
import { decodePack } from '../wire/file-pack.ts';
import { encodeTar } from '../wire/tar-writer.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { ChosenFiles } from './chosen-files.ts';
import type { Session } from './session.ts';
import { tarAsPack } from './tar-as-pack.ts';

const META = { mode: 0o640, mtimeUs: 1 };
const WHOLE = Uint8Array.of(1, 2, 3);
/** A hole, and two chunks. */
const PIECES = Uint8Array.of(0, 0, 4, 5, 6);
const MANIFEST = [
  { offset: 2, length: 1 },
  { offset: 3, length: 2 },
].map(({ offset, length }) => {
  const bytes = PIECES.subarray(offset, offset + length);
  return { offset, length, checksum: crc32(bytes), digest: sha256(bytes) };
});

const TAR = encodeTar([
  { kind: 'file', path: 'd/b', ...META, data: WHOLE, digest: sha256(WHOLE) },
  { kind: 'directory', path: 'd', ...META },
  { kind: 'file', path: 'pieces', ...META, data: PIECES, manifest: MANIFEST },
  { kind: 'file', path: 'unasked', ...META, data: WHOLE },
  { kind: 'file', path: 'a', ...META, data: new Uint8Array(0) },
]);

test('tarAsPack() gives the files that were asked for, in that order, wherever the tar has them', () => {
  const pack = tarAsPack(TAR, ['a', 'none', 'd/b', 'd', 'pieces']);
  assert(pack !== undefined);
  const found = decodePack(pack, 5).map(({ index, data, pieces }) => ({
    index,
    data: [...data],
    pieces: pieces.map(({ offset, length }) => ({ offset, length })),
  }));
  assert.deepEqual(found, [
    { index: 0, data: [], pieces: [] },
    { index: 2, data: [...WHOLE], pieces: [{ offset: 0, length: 3 }] },
    {
      index: 4,
      data: [...PIECES],
      pieces: [
        { offset: 2, length: 1 },
        { offset: 3, length: 2 },
      ],
    },
  ]);
});

test('tarAsPack() gives nothing of what is no whole tar', () => {
  assert.equal(tarAsPack(TAR.subarray(0, 700), ['a']), undefined);
  assert.equal(tarAsPack(Uint8Array.of(1, 2, 3), ['a']), undefined);
});

test('ChosenFiles takes a tar from a server that knows no packs', async () => {
  const session: Session = {
    url: 'https://localhost',
    hasChanged: false,
    request: ({ accept, into: [into] = [] }) => {
      assert.equal(accept, MEDIA_TYPES.files);
      into?.set(TAR);
      const headers = { 'content-type': MEDIA_TYPES.tar };
      return Promise.resolve({ headers, body: new Uint8Array(0), bodyBytes: TAR.length });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const files = new ChosenFiles(session, { path: '/v' });
  const found = await files.with(['d/b'], (pack) =>
    Promise.resolve(pack && decodePack(pack, 1).map(({ data }) => [...data])),
  );
  assert.deepEqual(found, [[...WHOLE]]);
});
