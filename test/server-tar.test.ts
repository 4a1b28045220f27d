import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32, sha256 } from '../src/base/digest.ts';
import { LIMITS } from '../src/base/limits.ts';
import type { WriteResult } from '../src/wire/generated/api.ts';
import { decodeTar } from '../src/wire/tar.ts';
import type { PackEntry } from '../src/wire/entry-pack.ts';
import { encodeEntryPack } from '../src/wire/entry-pack-writer.ts';
import { decodePack } from '../src/wire/file-pack.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { BAD_PACKS, file, meta, other, small } from './support/pack-entries.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from './support/http-client.ts';
import { startWithUsers } from './support/users.ts';
import { assertRefused } from './support/volume-state.ts';

/** Trees as tars and packs, into a volume and out of one. */

const STORAGE = '/api/v1/storage/files';
const CHUNK = LIMITS.chunkBytesDefault;
const TAR = 'application/x-tar';
/** Ways for many entries into a volume. */
const FORMS = {
  tar: { type: TAR, encode: encodeTar },
  pack: { type: 'application/vnd.gdpfs.entries', encode: encodeEntryPack },
} as const;
type Form = keyof typeof FORMS;
const FORM_NAMES = ['tar', 'pack'] as const;

let stack: AsyncDisposableStack;
let alice: HttpClient;
const content = new Uint8Array(randomBytes(2 * CHUNK + 100));

before(async () => {
  stack = new AsyncDisposableStack();
  ({ alice } = stack.use(await startWithUsers(['alice'])));
  await put('/alice/f', content);
});
after(() => stack.disposeAsync());

async function put(path: string, body: Uint8Array): Promise<WriteResult> {
  const answer = await alice.send('POST', STORAGE, { query: { path }, body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as WriteResult;
}

function get(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return alice.send('GET', STORAGE, { query: { path }, headers });
}

async function putMany(
  form: Form,
  path: string,
  entries: readonly PackEntry[],
  { query = {}, headers = {} }: Pick<HttpRequest, 'query' | 'headers'> = {},
): Promise<HttpAnswer> {
  const { type, encode } = FORMS[form];
  const body = encode(entries);
  return await alice.send('POST', STORAGE, { query: { path, ...query }, body, type, headers });
}

async function putTar(
  path: string,
  entries: readonly PackEntry[],
  query = {},
): Promise<HttpAnswer> {
  return await putMany('tar', path, entries, { query });
}

for (const form of FORM_NAMES) {
  test(`a ${form} makes its files, links and directories in one commit, and they come back as tar`, async () => {
    const most = form === 'tar' ? content : content.subarray(0, LIMITS.smallFileBytesMax);
    const entries: PackEntry[] = [
      file('small', small),
      { kind: 'directory', path: 'sub', ...meta },
      { kind: 'directory', path: 'sub/empty', ...meta },
      file('sub/large', most),
      { kind: 'symlink', path: 'sub/link', target: 'small', ...meta, mode: 0o777 },
      file('sub/none', new Uint8Array(0)),
      file('sub/\u{1f600}/\uFFFD', small),
    ];
    const path = `/alice/tree-${form}`;
    const commits = await alice.send('GET', '/api/v1/volumes/alice/commits');
    const answer = await putMany(form, path, entries, { query: { parents: true } });
    assert.equal(answer.status, 201, answer.text);
    const later = await alice.send('GET', '/api/v1/volumes/alice/commits');
    assert.equal(countFrames(later.bytes), countFrames(commits.bytes) + 1);
    assert.deepEqual((await get(`${path}/sub/large`)).bytes, most);

    const query = { path, format: 'tar' };
    const stream = await alice.send('GET', STORAGE, { query });
    assert.equal(stream.headers['content-type'], TAR);
    const page = await alice.send('GET', STORAGE, {
      query: { ...query, limit: 1000, maxFileSize: LIMITS.tarBytesMax },
    });
    assert.equal(page.headers['gdpfs-cursor'], undefined);
    for (const { bytes } of [stream, page]) {
      const back = new Map(decodeTar(bytes).map((entry) => [entry.path, entry]));
      // The directory on the way was made.
      assert.equal(back.size, entries.length + 1);
      for (const entry of entries) {
        const {
          manifest: _,
          digest: __,
          ...found
        } = { ...back.get(entry.path) } as Record<string, unknown>;
        const { digest: ___, ...expected } = { ...entry } as Record<string, unknown>;
        assert.deepEqual(found, expected);
      }
    }
  });
}

test('tar pages follow each other by their cursors, and leave out what is too large', async () => {
  const names = Array.from({ length: 25 }, (_, index) => `n${String(index).padStart(2, '0')}`);
  const entries = names.map((name) => file(name, small));
  await putTar('/alice/pages', [...entries, file('big', content)], { parents: true });
  const found: string[] = [];
  const pages: number[] = [];
  let after: string | undefined;
  do {
    const query = { path: '/alice/pages', format: 'tar', limit: 10, maxFileSize: 2000 };
    const cursor = after === undefined ? {} : { after };
    const answer = await alice.send('GET', STORAGE, { query: { ...query, ...cursor } });
    assert.equal(answer.status, 200, answer.text);
    const page = decodeTar(answer.bytes);
    found.push(...page.map(({ path }) => path));
    pages.push(page.length);
    const next = answer.headers['gdpfs-cursor'];
    after = next === undefined ? undefined : decodeURIComponent(String(next));
  } while (after !== undefined);
  assert.deepEqual(found, names);
  assert.deepEqual(pages, [9, 10, 6]);
});

test('a tar page ends when its content is 16 MiB', async () => {
  const bytes = new Uint8Array(6 * 1024 * 1024).fill(1);
  for (const name of ['a', 'b', 'c']) {
    await putTar('/alice/heavy', [file(name, bytes)], { parents: true });
  }
  const query = { path: '/alice/heavy', format: 'tar', limit: 1000, maxFileSize: 7_000_000 };
  const first = await alice.send('GET', STORAGE, { query });
  assert.deepEqual(
    decodeTar(first.bytes).map(({ path }) => path),
    ['a', 'b'],
  );
  assert.equal(first.headers['gdpfs-cursor'], 'b');
});

test('a tar of named files has those that are there, small, and of that moment', async () => {
  const other = new Uint8Array(randomBytes(10));
  const large = new Uint8Array(LIMITS.smallFileBytesMax + 1);
  await putTar(
    '/alice/chosen',
    [
      file('d/x', small),
      file('d/y', other),
      file('z', new Uint8Array(0)),
      file('large', large),
      { kind: 'symlink', path: 'link', target: 'z', ...meta },
    ],
    { parents: true },
  );
  const at = (await alice.send('GET', '/api/v1/files', { query: { path: '/alice/chosen/z' } }))
    .json;
  await putTar('/alice/chosen', [file('d/x', other), file('later', other)]);
  const ask = async (paths: readonly string[], query = {}): Promise<HttpAnswer> =>
    await alice.send('POST', '/api/v1/storage/tar', {
      query: { path: '/alice/chosen', ...query },
      json: { paths },
    });
  const names = ['z', 'd/y', 'none', 'd', 'd/x/below', 'large', 'link', 'd/x', 'later'];
  const now = await ask(names);
  assert.deepEqual(decodeTar(now.bytes), [
    file('z', new Uint8Array(0)),
    file('d/y', other),
    file('d/x', other),
    file('later', other),
  ]);
  const before = await ask(names, { at: String((at as { seq: number }).seq) });
  assert.deepEqual(decodeTar(before.bytes).at(-1), file('d/x', small));
  for (const paths of [[''], ['../x'], ['a//b'], Array<string>(1001).fill('z')]) {
    assert.equal((await ask(paths)).code, 'bad_request');
  }
  assert.equal((await ask(['z'], { path: '/alice/chosen/z' })).code, 'not_a_directory');
});

test('named files come without names to one who asks so, of any shape, and nothing else with them', async () => {
  const holed = new Uint8Array(1000);
  holed.set(small.subarray(0, 10), 500);
  const paths = ['none', 'a', 'empty', 'holed', 'b'];
  const other = new Uint8Array(randomBytes(1000));
  const secret = new Uint8Array(randomBytes(1000));
  await putTar(
    '/alice/packed',
    [
      file('a', small),
      file('secret', secret),
      file('b', other),
      file('empty', new Uint8Array(0)),
      file('holed', holed),
    ],
    { parents: true },
  );
  const answer = await alice.send('POST', '/api/v1/storage/tar', {
    query: { path: '/alice/packed' },
    json: { paths },
    headers: { Accept: 'application/vnd.gdpfs.files' },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/vnd.gdpfs.files');
  const found = decodePack(answer.bytes, paths.length);
  assert.deepEqual(
    found.map(({ index, data }) => [paths[index], Buffer.from(data)]),
    [
      ['a', Buffer.from(small)],
      ['empty', Buffer.alloc(0)],
      ['holed', Buffer.from(holed)],
      ['b', Buffer.from(other)],
    ],
  );
  assert(!Buffer.from(answer.bytes).includes(Buffer.from(secret.subarray(0, 32))));
});

for (const form of FORM_NAMES) {
  const send = (path: string, entries: readonly PackEntry[], key: string): Promise<HttpAnswer> =>
    putMany(form, path, entries, { headers: { 'idempotency-key': `${form}-${key}` } });

  test(`a ${form} replaces files, twice the same way`, async () => {
    const path = `/alice/again-${form}`;
    await putMany(form, path, [file('x', small)], { query: { parents: true } });
    for (let time = 0; time < 2; time += 1) {
      assert.equal((await putMany(form, path, [file('x', other)])).status, 201);
      assert.deepEqual((await get(`${path}/x`)).bytes, other);
    }
  });

  test(`a repeated ${form} with the same key gets the first answer`, async () => {
    const path = `/alice/moved-${form}`;
    await alice.send('POST', '/api/v1/files', { json: { path, kind: 'directory' } });
    const first = await send(path, [file('k', small)], '1');
    assert.equal(first.status, 201, first.text);
    await alice.send('PATCH', '/api/v1/files', {
      query: { path },
      json: { op: 'rename', to: `/alice/elsewhere-${form}` },
    });
    assert.equal((await send(path, [file('k', small)], '1')).text, first.text);
  });

  test(`another ${form} with the same key is refused, whatever it differs in`, async () => {
    const link: PackEntry = { kind: 'symlink', path: 'key-link', target: 'x', ...meta };
    const original = file('key', small);
    const first = await send('/alice', [original, link], '2');
    assert.equal(first.status, 201, first.text);
    const { data: _, ...told } = original;
    const others: readonly (readonly PackEntry[])[] = [
      [original],
      [file('kex', small), link],
      [file('key', other), link],
      [{ ...told, kind: 'reference', size: small.length, checksum: crc32(small) }, link],
      [{ ...original, mode: 0o600 }, link],
      [{ ...original, mtimeUs: 1 }, link],
      [original, { ...link, target: 'y' }],
      [original, { kind: 'directory', path: 'key-link', ...meta }],
    ];
    for (const entries of others) {
      await assertRefused(alice, { volume: 'alice', code: 'request_reused', status: 422 }, () =>
        send('/alice', entries, '2'),
      );
    }
    assert.equal((await send('/alice', [original, link], '2')).text, first.text);
  });

  test(`a ${form} names content that the volume has, and is refused if it has not`, async () => {
    await putMany(form, `/alice/held-${form}`, [file('x', small)], { query: { parents: true } });
    const reference = (data: Uint8Array): PackEntry => ({
      ...meta,
      kind: 'reference',
      path: 'y',
      size: data.length,
      checksum: crc32(data),
      digest: sha256(data),
    });
    const path = `/alice/held-${form}`;
    assert.equal((await putMany(form, path, [reference(small)])).status, 201);
    assert.deepEqual((await get(`${path}/y`)).bytes, small);
    const unknown = new TextEncoder().encode(`nobody has sent this ${form}`);
    await assertRefused(alice, { volume: 'alice', code: 'chunk_missing', status: 409 }, () =>
      putMany(form, path, [file('w', small), reference(unknown)]),
    );
  });
}

for (const form of FORM_NAMES) {
  for (const { what, code, status, path = '/alice', entries } of BAD_PACKS) {
    test(`a ${form} with ${what} is refused with ${code}, whole`, async () => {
      await alice.send('POST', '/api/v1/files', {
        json: { path: '/alice/dir', kind: 'directory', parents: true },
      });
      await assertRefused(alice, { volume: 'alice', code, status }, () =>
        putMany(form, path, entries()),
      );
    });
  }

  test(`what is no ${form} is refused`, async () => {
    for (const body of [content, new Uint8Array(0), new Uint8Array(11)]) {
      const { type } = FORMS[form];
      if (form === 'tar' && body.length === 0) continue;
      await assertRefused(alice, { volume: 'alice', code: 'bad_request', status: 400 }, () =>
        alice.send('POST', STORAGE, { query: { path: '/alice' }, body, type }),
      );
    }
  });
}

test('a tar with a wrong digest of several chunks is refused with bad_chunk', async () => {
  await assertRefused(alice, { volume: 'alice', code: 'bad_chunk', status: 422 }, () =>
    putTar('/alice', [{ ...file('bad', content), digest: sha256(small) }]),
  );
});

/** Frames of uint32 length | bytes. */
function countFrames(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let offset = 0; offset < bytes.length; offset += 4 + view.getUint32(offset)) count += 1;
  return count;
}
