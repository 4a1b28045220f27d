import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { askedChanges } from '../src/client/custody/asked-change.ts';
import { checkPrepared } from '../src/client/custody/prepared-check.ts';
import { makeDirectory } from '../src/client/files.ts';
import type { ApiRequest } from '../src/client/session.ts';
import { getVolume } from '../src/client/volumes.ts';
import { verifyVolume } from '../src/client/verify.ts';
import { decodeCommit, encodeCommit } from '../src/format/commit.ts';
import { merkleRoot } from '../src/format/merkle.ts';
import { decodePreparedCommit, encodeSignedCommit } from '../src/format/prepared-commit.ts';
import { signNote } from '../src/format/signed-note.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { HttpClient, type HttpAnswer, type HttpRequest } from './support/http-client.ts';
import { createOwn, openWriter, type OwnVolume } from './support/own-volume.ts';
import { addUser, startServerHere } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

/** The server takes no change of a volume with custody `client` but a signed one. */

const FILES = '/api/v1/files';
const COMMITS = '/api/v1/volumes/own/commits';

let stack: AsyncDisposableStack;
let client: TestClient;
let http: HttpClient;
let own: OwnVolume;

before(async () => {
  stack = new AsyncDisposableStack();
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  http = stack.use(new HttpClient(client.identity));
  own = await createOwn(client, 'own');
});
after(() => stack.disposeAsync());

async function countOf(): Promise<number> {
  return (await getVolume(client.session, 'own')).count;
}

function mkdirRequest(path: string): { readonly json: object } {
  return { json: { path: `/own/${path}`, kind: 'directory' } };
}

async function prepare(
  path: string,
  key: string = randomUUID(),
  by: HttpClient = http,
): Promise<HttpAnswer> {
  const request = { ...mkdirRequest(path), headers: { 'idempotency-key': key } };
  return await by.send('POST', FILES, { ...request, query: { prepare: 0 } });
}

/** Everything continues it. */
const NOTHING = { origin: '', count: 0, root: merkleRoot([]), timeMs: 0, epoch: 0 };

/** What is to be signed, signed with `key`; by default the writer's. */
async function sign(
  prepared: HttpAnswer,
  path: string,
  { key, author = 'admin' }: { readonly key?: KeyObject; readonly author?: string } = {},
): Promise<Uint8Array> {
  assert.equal(prepared.status, 202, prepared.text);
  await using writer = openWriter(client, own);
  const trusted = await writer.trust();
  const asked: ApiRequest = { method: 'POST', route: FILES, ...mkdirRequest(path) };
  const options = { volume: own.volume.name, author, nowMs: Date.now() };
  const signable = checkPrepared(
    prepared.bytes,
    { changes: askedChanges(asked) },
    { ...options, seen: NOTHING },
  );
  assert(signable.next !== undefined);
  const privateKey = key ?? (await own.keys.find(trusted.name, 'writer', trusted.writerKey));
  assert(privateKey !== undefined);
  return signNote({ text: signable.text, keyName: signable.next.origin, privateKey });
}

async function post(prepared: HttpAnswer, note: Uint8Array, by = http): Promise<HttpAnswer> {
  const { id } = decodePreparedCommit(prepared.bytes);
  const body = encodeSignedCommit(id, note);
  return await by.send('POST', COMMITS, { body, type: MEDIA_TYPES.signed });
}

test('an unsigned change is refused on every route, whoever sends it, and changes nothing', async () => {
  const before = await countOf();
  const tar = encodeTar([{ kind: 'directory', path: 'd', mode: 0o755, mtimeUs: 0 }]);
  const requests: [string, string, HttpRequest][] = [
    ['POST', FILES, mkdirRequest('x')],
    ['POST', FILES, { json: { path: '/own/f', kind: 'file' } }],
    ['POST', FILES, { json: { path: '/own/f', kind: 'symlink', target: 'x' } }],
    ['POST', FILES, { json: { path: '/own/f', kind: 'upload', size: 3 } }],
    ['PATCH', FILES, { query: { path: '/own/f' }, json: { op: 'rename', to: '/own/g' } }],
    ['PATCH', FILES, { query: { path: '/own/f' }, json: { op: 'truncate', size: 1 } }],
    ['PATCH', FILES, { query: { path: '/own/f' }, type: MEDIA_TYPES.records, body: tar }],
    ['DELETE', FILES, { query: { path: '/own/f' } }],
    [
      'POST',
      `${FILES}/changes`,
      { query: { path: '/own' }, json: { changes: [{ op: 'remove', path: 'f' }] } },
    ],
    [
      'POST',
      '/api/v1/storage/files',
      { query: { path: '/own' }, type: MEDIA_TYPES.tar, body: tar },
    ],
    ['POST', '/api/v1/storage/files', { query: { path: '/own/f' }, body: tar }],
    ['POST', '/api/v1/volumes/own/keys', {}],
    ['POST', '/api/v1/volumes/own/policy', { json: { op: 'history', days: 7 } }],
    ['POST', '/api/v1/volumes/own/policy', { json: { op: 'signed', record: 'AA' } }],
  ];
  for (const [method, route, request] of requests) {
    const { code, text } = await http.send(method, route, request);
    assert.equal(code, 'read_only', `${method} ${route} ${text}`);
    assert.match(text, /signed by those who have its writer key/);
  }
  assert.equal(await countOf(), before);
});

test('a signature of another key, of something else, of nobody and by somebody else is refused, and then nothing is prepared any more', async () => {
  const before = await countOf();
  const other = generateKeyPairSync('ed25519').privateKey;
  const first = await prepare('signed');
  assert.equal((await post(first, await sign(first, 'signed', { key: other }))).code, 'forbidden');
  assert.equal((await post(first, await sign(first, 'signed'))).code, 'not_found');
  const second = await prepare('signed');
  assert.equal((await post(second, new Uint8Array(0))).code, 'forbidden');
  const [third, fourth] = [await prepare('signed'), await prepare('else')];
  assert.equal((await post(third, await sign(fourth, 'else'))).code, 'wrong_root');
  const fifth = await prepare('signed');
  await using user = await addUser(client.server, http, 'bob');
  await http.send('POST', '/api/v1/admin/grants', {
    json: { path: '/own', subject: 'bob', permission: 'write' },
  });
  const note = await sign(fifth, 'signed');
  assert.equal((await post(fifth, note, user)).code, 'not_found');
  assert.equal(await countOf(), before);
  // Whose it is, it is still good for.
  assert.equal((await post(fifth, note)).status, 201);
  assert.equal((await post(fifth, note)).code, 'not_found');
});

test('what another writer has changed meanwhile is prepared again, and signed then', async () => {
  const slow = await prepare('slow');
  await using writer = openWriter(client, own);
  // It is first: the turn of the other one is over.
  await makeDirectory(writer.session, '/own/fast');
  const again = await post(slow, await sign(slow, 'slow'));
  assert.equal(again.status, 202, again.text);
  const made = await post(again, await sign(again, 'slow'));
  assert.equal(made.status, 201, made.text);
  assert.equal((made.json as { path: string }).path, '/own/slow');
});

test('writers at once all succeed, one behind the other, and the volume verifies', async () => {
  await using first = openWriter(client, own);
  await using second = openWriter(client, own);
  const before = await countOf();
  // So many that none can be overtaken more often than it tries: here turns are short.
  const count = LIMITS.signingAttemptsMax;
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  await Promise.all(
    names.map((name, index) =>
      makeDirectory((index % 2 === 0 ? first : second).session, `/own/${name}`),
    ),
  );
  assert.equal(await countOf(), before + names.length);
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
});

test('a writer whom others overtake again and again is told so in the end, and nothing of theirs is lost', async () => {
  await using slow = openWriter(client, own);
  await using fast = openWriter(client, own);
  const { request } = slow.wire;
  let overtaken = 0;
  slow.wire.request = async (sent) => {
    if (sent.route.endsWith('/commits')) {
      overtaken += 1;
      await makeDirectory(fast.session, `/own/overtaking-${overtaken}`);
    }
    return await request(sent);
  };
  const before = await countOf();
  await assert.rejects(makeDirectory(slow.session, '/own/overtaken'), (error) => {
    return isGdpfsError(error, 'busy') && /others were first, 16 times/.test(error.message);
  });
  assert.equal(overtaken, LIMITS.signingAttemptsMax);
  assert.equal(await countOf(), before + overtaken);
  slow.wire.request = request;
  await makeDirectory(slow.session, '/own/overtaken');
});

test('a change whose answer was lost is made once, and answered as the first time', async () => {
  await using writer = openWriter(client, own);
  const before = await countOf();
  const { request } = writer.wire;
  let lost = 0;
  writer.wire.request = async (sent) => {
    const answer = await request(sent);
    if (!sent.route.endsWith('/commits') || lost > 0) return answer;
    lost += 1;
    // The client repeats it.
    return await request(sent);
  };
  const entry = await makeDirectory(writer.session, '/own/lost');
  assert.equal(lost, 1);
  assert.equal(entry.name, 'lost');
  assert.equal(await countOf(), before + 1);
});

test('a client that ends between what was prepared and its signature leaves nothing, and the same command again does all', async () => {
  const before = await countOf();
  {
    await using writer = openWriter(client, own);
    const { request } = writer.wire;
    writer.wire.request = async (sent) => {
      if (sent.route.endsWith('/commits')) throw new Error('it was killed');
      return await request(sent);
    };
    await assert.rejects(makeDirectory(writer.session, '/own/killed'), /it was killed/);
  }
  assert.equal(await countOf(), before);
  await using writer = openWriter(client, own);
  await makeDirectory(writer.session, '/own/killed');
  assert.equal(await countOf(), before + 1);
});

test('a commit takes one request more than on other volumes, of any kind', async () => {
  await using writer = openWriter(client, own);
  await writer.trust();
  const count = async (run: () => Promise<unknown>): Promise<number> => {
    const sum = (): number => [...writer.wire.requests.values()].reduce((all, one) => all + one, 0);
    const before = sum();
    await run();
    return sum() - before;
  };
  assert.equal(await count(() => makeDirectory(writer.session, '/own/counted')), 2);
  const bytes = encodeTar(
    Array.from({ length: 100 }, (_, index) => ({
      kind: 'file' as const,
      path: `f${index}`,
      mode: 0o644,
      mtimeUs: index,
      data: new Uint8Array(Buffer.from(`content ${index}`)),
    })),
  );
  const tar: ApiRequest = {
    method: 'POST',
    route: '/api/v1/storage/files',
    query: { path: '/own/counted' },
    body: { type: MEDIA_TYPES.tar, bytes },
    changes: true,
  };
  assert.equal(await count(() => writer.session.request(tar)), 2);
});

test('a server that signs itself prepares nothing, and who may not read the whole volume signs nothing', async () => {
  const request = { json: { path: '/vision/x', kind: 'directory' }, query: { prepare: 0 } };
  assert.equal((await http.send('POST', FILES, request)).code, 'bad_request');
  await using user = await addUser(client.server, http, 'carol');
  await http.send('POST', FILES, { ...mkdirRequest('part'), query: { prepare: 0 } });
  await using writer = openWriter(client, own);
  await makeDirectory(writer.session, '/own/part');
  const granted = await http.send('POST', '/api/v1/admin/grants', {
    json: { path: '/own/part', subject: 'carol', permission: 'write' },
  });
  assert(granted.status < 300, granted.text);
  const refused = await user.send('POST', FILES, {
    json: { path: '/own/part/x', kind: 'directory' },
    query: { prepare: 0 },
  });
  assert.equal(refused.code, 'forbidden', refused.text);
});

test('a grant that was taken, and a quota that was lowered, count when the signature comes', async () => {
  const prepared = await prepare('quota');
  const note = await sign(prepared, 'quota');
  const set = async (entries: number): Promise<void> => {
    const answer = await http.send('POST', '/api/v1/admin/quotas', {
      json: { volume: 'own', quota: { bytes: 0, entries } },
    });
    assert(answer.status < 300, answer.text);
  };
  await set(1);
  assert.equal((await post(prepared, note)).code, 'quota_exceeded');
  assert.equal((await prepare('quota')).code, 'quota_exceeded');
  await set(0);
  assert.equal((await post(prepared, note)).code, 'not_found');
  await using user = await addUser(client.server, http, 'dave');
  const grant = { path: '/own', subject: 'dave', permission: 'write' };
  await http.send('POST', '/api/v1/admin/grants', { json: grant });
  const theirs = await prepare('dave', randomUUID(), user);
  const signed = await sign(theirs, 'dave', { author: 'dave' });
  await http.send('POST', '/api/v1/admin/grants', { json: { ...grant, permission: 'read' } });
  const { code } = await post(theirs, signed, user);
  assert.equal(code, 'forbidden');
});

test('the changes of one principal that wait for signatures are bounded, and the same request takes no more', async () => {
  const key = randomUUID();
  for (let index = 0; index < LIMITS.preparedPerPrincipalMax + 8; index += 1) {
    assert.equal((await prepare('again', key)).status, 202);
  }
  const results: HttpAnswer[] = [];
  for (let index = 0; index < LIMITS.preparedPerPrincipalMax; index += 1) {
    results.push(await prepare(`bounded-${index}`));
  }
  assert(results.slice(0, 32).every(({ status }) => status === 202));
  assert.equal(results.at(-1)?.code, 'busy');
  const [first] = results;
  assert(first !== undefined);
  assert.equal((await post(first, await sign(first, 'bounded-0'))).status, 201);
  assert.equal((await prepare('room')).status, 202);
});

test('a first commit that is not what it should be makes no volume', async () => {
  const stolen = await http.send('GET', COMMITS, {});
  const view = Buffer.from(stolen.bytes);
  const commit = view.subarray(4, 4 + view.readUInt32BE(0));
  const create = async (bytes: Uint8Array, more: object = {}): Promise<HttpAnswer> =>
    await http.send('POST', '/api/v1/volumes', {
      json: {
        name: 'forged',
        custody: 'client',
        commit: Buffer.from(bytes).toString('base64'),
        ...more,
      },
    });
  // One that exists stays what it is, under its alias alone.
  assert.equal((await create(commit)).code, 'exists');
  const { records, checkpoint, ...head } = decodeCommit(commit);
  const less = encodeCommit({ ...head, records: records.slice(0, 1) }, checkpoint).bytes;
  const flipped = commit.map((byte, index) => (index === commit.length - 4 ? byte ^ 1 : byte));
  for (const bytes of [less, flipped, commit.subarray(1), new Uint8Array(0)]) {
    assert.equal((await create(bytes)).code, 'bad_request');
  }
  assert.equal((await create(commit, { chunking: 'cdc' })).code, 'bad_request');
  assert.equal((await create(commit, { custody: 'server' })).code, 'bad_request');
  const answer = await http.send('POST', '/api/v1/volumes', {
    json: { name: 'forged', custody: 'client' },
  });
  assert.equal(answer.code, 'bad_request');
  await assert.rejects(getVolume(client.session, 'forged'), (error) =>
    isGdpfsError(error, 'not_found'),
  );
});
