import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { decodeEntryPack, type PackEntry } from '../../wire/entry-pack.ts';
import { encodeEntryPack } from '../../wire/entry-pack-writer.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { decodeTar } from '../../wire/tar.ts';
import type { ApiRequest, Session } from '../session.ts';
import { sendEntries } from './send-entries.ts';

const META = { mode: 0o640, mtimeUs: 1 };
const DATA = Uint8Array.of(1, 2, 3);
const ENTRIES: readonly PackEntry[] = [
  { kind: 'directory', path: 'd', ...META },
  { kind: 'file', path: 'd/f', ...META, data: DATA, digest: sha256(DATA) },
  { kind: 'symlink', path: 'd/l', ...META, target: 'f' },
  { kind: 'reference', path: 'r', ...META, size: 3, checksum: 9, digest: sha256(DATA) },
];
const PACK = encodeEntryPack(ENTRIES);
const ANSWER = { headers: {}, body: new Uint8Array(0), bodyBytes: 0 };

/** A server that takes these types, and what it was sent. */
function sessionWith(types: readonly string[]): Session & { readonly sent: ApiRequest[] } {
  const sent: ApiRequest[] = [];
  return {
    url: 'https://localhost',
    hasChanged: false,
    sent,
    request: (request) => {
      sent.push(request);
      if (types.includes(request.body?.type ?? '')) return Promise.resolve(ANSWER);
      throw new GdpfsError('unsupported_media_type', 'cannot read request body');
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test('sendEntries() sends a pack as it is to a server that knows packs', async () => {
  const session = sessionWith([MEDIA_TYPES.tar, MEDIA_TYPES.entries]);
  await sendEntries(session, PACK, { path: '/v/p' });
  const [request, ...more] = session.sent;
  assert.deepEqual(more, []);
  assert.equal(request?.changes, true);
  assert.deepEqual(request?.query, { path: '/v/p' });
  assert.deepEqual(decodeEntryPack(request?.body?.bytes ?? PACK.subarray(0, 0)), ENTRIES);
});

test('sendEntries() sends the same as a tar to a server that knows none, and asks it once', async () => {
  const session = sessionWith([MEDIA_TYPES.tar]);
  await sendEntries(session, PACK, { path: '/v/p' });
  await sendEntries(session, PACK, { path: '/v/p' });
  const types = session.sent.map(({ body }) => body?.type);
  assert.deepEqual(types, [MEDIA_TYPES.entries, MEDIA_TYPES.tar, MEDIA_TYPES.tar]);
  for (const { body } of session.sent.slice(1)) {
    assert.deepEqual(decodeTar(body?.bytes ?? new Uint8Array(0)), ENTRIES);
  }
});

test('sendEntries() throws what else a server answers', async () => {
  const session = sessionWith([]);
  await assert.rejects(sendEntries(session, PACK, { path: '/v/p' }), {
    code: 'unsupported_media_type',
  });
});
