import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { change, changeMany, listPage, makeDirectory, remove, stat } from '../src/client/files.ts';
import { readFile } from '../src/client/read.ts';
import { verifyVolume } from '../src/client/verify.ts';
import { getVolume } from '../src/client/volumes.ts';
import { writeFile } from '../src/client/write.ts';
import {
  decodePreparedCommit,
  encodePreparedCommit,
  type PreparedCommit,
} from '../src/format/prepared-commit.ts';
import type { DentryInit } from '../src/format/record-encoder.ts';
import { decodeRecord, encodeRecord } from '../src/format/records.ts';
import type { Entry } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { createOwn, openWriter, type OwnVolume, type Writer } from './support/own-volume.ts';
import { startServerHere } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

/** What was there before, and files cut short, in volumes whose changes the client signs. */

let stack: AsyncDisposableStack;
let client: TestClient;
let own: OwnVolume;
let writer: Writer;

const KIB = 1024;
const CHUNK = 256 * KIB;

before(async () => {
  stack = new AsyncDisposableStack();
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  own = await createOwn(client, 'own');
  writer = stack.use(openWriter(client, own));
});
after(() => stack.disposeAsync());

const at = (path: string): string => `/own/${path}`;

async function write(path: string, content: string | Uint8Array): Promise<Entry> {
  const bytes = typeof content === 'string' ? new Uint8Array(Buffer.from(content)) : content;
  await writeFile(writer.session, at(path), bytes);
  return await stat(writer.session, at(path));
}

async function read(path: string): Promise<Uint8Array> {
  const pieces = [];
  for await (const piece of readFile(writer.session, at(path))) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function text(path: string): Promise<string> {
  return Buffer.from(await read(path)).toString();
}

async function truncate(path: string, size: number): Promise<void> {
  await change(writer.session, at(path), { op: 'truncate', size });
}

/** The newest moment. */
async function now(): Promise<string> {
  return String((await getVolume(client.session, 'own')).count - 1);
}

/** Paths below a directory, with what distinguishes them. */
async function tree(path: string): Promise<unknown[]> {
  const { entries } = await listPage(writer.session, at(path), { recursive: true, limit: 100 });
  return entries.map((entry) => {
    const { kind, size, mode, mtimeUs, etag, target } = entry;
    return { path: entry.path.slice(at(path).length), kind, size, mode, mtimeUs, etag, target };
  });
}

function fails(code: string, state: RegExp) {
  return (error: unknown): boolean => {
    assert(isGdpfsError(error) && error.code === code, String(error));
    assert.match(error.message, state);
    return true;
  };
}

async function verifies(): Promise<void> {
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
}

test('a file is cut and extended to any size, in its log or in one of its own', async () => {
  const bytes = new Uint8Array(randomBytes(2 * CHUNK + 1000));
  await write('cut', bytes);
  await change(writer.session, at('cut'), { op: 'copy', to: at('branch') });
  for (const size of [
    2 * CHUNK + 500,
    2 * CHUNK,
    CHUNK + 1,
    3 * CHUNK,
    2 * CHUNK,
    CHUNK,
    17,
    0,
    5,
  ]) {
    const before = await read('cut');
    await truncate('cut', size);
    const expected = new Uint8Array(size);
    expected.set(before.subarray(0, size));
    assert.deepEqual(await read('cut'), expected, `${size}`);
  }
  // Its log has gone another way.
  await truncate('branch', CHUNK + 7);
  assert.deepEqual(await read('branch'), bytes.subarray(0, CHUNK + 7));
  await verifies();
});

test('what is no file, and what has changed, is not cut', async () => {
  await makeDirectory(writer.session, at('dir'));
  await assert.rejects(truncate('dir', 1), fails('is_a_directory', /it is a directory/));
  await assert.rejects(truncate('none', 1), fails('not_found', /none/));
  const { etag: before } = await write('held', 'content of it');
  const ifMatch = before ?? '';
  await write('held', 'another content');
  const cut = { op: 'truncate', size: 3 } as const;
  await assert.rejects(
    change(writer.session, at('held'), cut, { ifMatch }),
    fails('changed', /its content is another/),
  );
  assert.equal(await text('held'), 'another content');
  // Somebody is faster, once.
  const { request } = writer.wire;
  await using other = openWriter(client, own);
  let overtaken = 0;
  writer.wire.request = async (sent) => {
    if (sent.method === 'PATCH' && overtaken === 0) {
      overtaken += 1;
      await writeFile(other.session, at('held'), new Uint8Array(Buffer.from('faster')));
    }
    return await request(sent);
  };
  try {
    await truncate('held', 3);
  } finally {
    writer.wire.request = request;
  }
  assert.deepEqual([await text('held'), overtaken], ['fas', 1]);
});

test('a file becomes again what it was: changed, removed, or moved away since', async () => {
  const first = await write('back', 'first');
  const then = await now();
  const again = async (): Promise<Entry> => {
    await change(writer.session, at('back'), { op: 'restore', at: then });
    return await stat(writer.session, at('back'));
  };
  await write('back', 'second');
  const changed = await again();
  assert.deepEqual(
    [changed.etag, changed.mtimeUs, changed.node],
    [first.etag, first.mtimeUs, first.node],
  );
  await remove(writer.session, at('back'));
  assert.equal((await again()).etag, first.etag);
  await change(writer.session, at('back'), { op: 'rename', to: at('away') });
  assert.equal((await again()).etag, first.etag);
  assert.deepEqual([await text('back'), await text('away')], ['first', 'first']);
  await remove(writer.session, at('back'));
  await makeDirectory(writer.session, at('back'));
  await assert.rejects(again(), fails('exists', /something else is there now/));
  const early = { op: 'restore', at: '1' } as const;
  await assert.rejects(change(writer.session, at('back'), early), fails('not_found', /is proven/));
  await verifies();
});

/** A small tree of everything, and the moment at which it is there. */
async function grow(path: string): Promise<string> {
  await makeDirectory(writer.session, at(`${path}/sub/empty`), { parents: true });
  await write(`${path}/a`, `a of ${path}`);
  await write(`${path}/sub/b`, `b of ${path}`);
  const link = { path: at(`${path}/sub/link`), kind: 'symlink', target: '../a' };
  await writer.session.request({
    method: 'POST',
    route: '/api/v1/files',
    json: link,
    changes: true,
  });
  return await now();
}

test('a directory that was removed or changed is restored or copied as it was, with all that was below', async () => {
  const then = await grow('tree');
  const was = await tree('tree');
  assert.equal(was.length, 5);
  await write('tree/a', 'changed');
  await remove(writer.session, at('tree/sub'), { recursive: true });
  await write('tree/later', 'later');
  const copy = { op: 'copy', to: at('copied'), recursive: true } as const;
  await change(writer.session, at('tree'), { ...copy, at: then });
  assert.deepEqual(await tree('copied'), was);
  await remove(writer.session, at('tree'), { recursive: true });
  await change(writer.session, at('tree'), { op: 'restore', at: then });
  assert.deepEqual(await tree('tree'), was);
  assert.equal(await text('tree/a'), 'a of tree');
  const once = { op: 'restore', at: then } as const;
  await assert.rejects(change(writer.session, at('tree'), once), fails('exists', /something else/));
  await verifies();
});

test('the past is named by a time as well, and a moment that cannot be proven is refused', async () => {
  await grow('timed');
  const was = await tree('timed');
  const time = new Date(Date.now() + 1).toISOString();
  // The next change is of a later millisecond.
  while (Date.now() <= Date.parse(time)) await now();
  await write('timed/a', 'later');
  const copy = { op: 'copy', to: at('by-time'), recursive: true, at: time } as const;
  await change(writer.session, at('timed'), copy);
  assert.deepEqual(await tree('by-time'), was);
  const both = [
    { op: 'remove', path: 'timed/a' },
    { op: 'remove', path: 'timed/sub' },
  ] as const;
  await changeMany(writer.session, at(''), { changes: [...both] });
  const inside = String(Number(await now()) - 1);
  await assert.rejects(
    change(writer.session, at('timed'), { ...copy, to: at('inside'), at: inside }),
    fails('bad_request', /inside of a commit/),
  );
});

test('many copies of files that have changed since are those of the moment', async () => {
  const then = await grow('many');
  for (const path of ['many/a', 'many/sub/b']) await write(path, 'later');
  await makeDirectory(writer.session, at('of-then'));
  const changes = ['a', 'sub/b'].map((path) => ({ op: 'copy', path, to: path }) as const);
  await changeMany(writer.session, at('of-then'), {
    copiesFrom: at('many'),
    at: then,
    changes,
  });
  assert.deepEqual(
    [await text('of-then/a'), await text('of-then/sub/b')],
    ['a of many', 'b of many'],
  );
  await verifies();
});

/** The server prepares something else: the last dentry, changed. */
async function doctored(changes: DentryInit, run: () => Promise<unknown>): Promise<void> {
  const { request } = writer.wire;
  const doctor = (prepared: PreparedCommit): PreparedCommit => {
    const last = decodeRecord(prepared.records.at(-1) ?? new Uint8Array(0));
    assert(last.case === 'dentry');
    const record = encodeRecord({ case: 'dentry', value: { ...last.value, ...changes } });
    return { ...prepared, records: prepared.records.with(-1, record) };
  };
  writer.wire.request = async (sent) => {
    const answer = await request(sent);
    if (answer.headers['content-type'] !== MEDIA_TYPES.prepared) return answer;
    return { ...answer, body: encodePreparedCommit(doctor(decodePreparedCommit(answer.body))) };
  };
  try {
    await assert.rejects(run, fails('untrusted', /cannot sign change/));
  } finally {
    writer.wire.request = request;
  }
}

test('a past that is not the one that was signed, and another cut, are not signed', async () => {
  const then = await grow('lied');
  await write('lied/a', 'later');
  const { count } = await getVolume(client.session, 'own');
  const restore = (path: string) => () =>
    change(writer.session, at(path), { op: 'restore', at: then });
  const lies: DentryInit[] = [
    { size: 3n },
    { mode: 0o777 },
    { mtimeUs: 5n },
    { content: new Uint8Array(32) },
    { root: new Uint8Array(32) },
    { log: new Uint8Array(32) },
    { logCount: 1n },
    { node: 2n },
    { author: 'somebody' },
    { name: 'other' },
    { parent: 0n },
  ];
  for (const lie of lies) await doctored(lie, restore('lied/a'));
  for (const lie of lies) await doctored(lie, () => truncate('lied/a', 2));
  const copy = { op: 'copy', to: at('lied-copy'), recursive: true, at: then } as const;
  for (const lie of [{ name: 'x' }, { target: 'elsewhere' }, { parent: 0n }]) {
    await doctored(lie, () => change(writer.session, at('lied'), copy));
  }
  assert.equal((await getVolume(client.session, 'own')).count, count);
  await restore('lied/a')();
  assert.equal(await text('lied/a'), 'a of lied');
});
