import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EMPTY_BYTES, utf8Encode } from '../src/base/bytes.ts';
import { crc32 } from '../src/base/digest.ts';
import { GdpfsError, isGdpfsError } from '../src/base/errors.ts';
import { opensUpload } from '../src/client/custody/changing-request.ts';
import { checkPrepared, type ToCheck } from '../src/client/custody/prepared-check.ts';
import { askedChanges } from '../src/client/custody/asked-change.ts';
import { change, makeDirectory, remove, stat } from '../src/client/files.ts';
import { type ApiAnswer, type ApiRequest, jsonOf, type Session } from '../src/client/session.ts';
import { uploadFile } from '../src/client/upload.ts';
import { getVolume } from '../src/client/volumes.ts';
import { type ChunkFrame, ChunkFrameDecoder } from '../src/format/chunk-frame.ts';
import { NodeKind } from '../src/format/generated/gdpfs_pb.js';
import {
  decodePreparedCommit,
  encodePreparedCommit,
  type PreparedCommit,
} from '../src/format/prepared-commit.ts';
import type { DentryInit } from '../src/format/record-encoder.ts';
import { decodeRecord, encodeFchunk, encodeRecord } from '../src/format/records.ts';
import type { Upload } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { createOwn, openWriter, type OwnVolume, type Writer } from './support/own-volume.ts';
import { startServerHere } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

/** Servers that have their clients sign something else than they asked for. */

let stack: AsyncDisposableStack;
let client: TestClient;
let own: OwnVolume;
let writer: Writer;
/** As the server really answers. */
let honest: Session['request'];

before(async () => {
  stack = new AsyncDisposableStack();
  client = stack.use(await startTestClient((data) => startServerHere(data, { turnMs: 2 })));
  own = await createOwn(client, 'own');
  writer = stack.use(openWriter(client, own));
  honest = writer.wire.request;
  for (const name of ['dir', 'dir/inner', 'other']) {
    await makeDirectory(writer.session, `/own/${name}`);
  }
});
after(() => stack.disposeAsync());

type Doctor = (prepared: PreparedCommit) => PreparedCommit;

/** The server answers with what `doctor` makes of what it prepares, while `run` runs. */
async function doctored(doctor: Doctor, run: () => Promise<unknown>): Promise<void> {
  writer.wire.request = async (request) => {
    const answer = await honest(request);
    if (answer.headers['content-type'] !== MEDIA_TYPES.prepared) return answer;
    return { ...answer, body: encodePreparedCommit(doctor(decodePreparedCommit(answer.body))) };
  };
  try {
    await run();
  } finally {
    writer.wire.request = honest;
  }
}

/** Nothing is signed, so nothing has changed; and what was really prepared can be signed after that. */
async function isRefused(run: () => Promise<unknown>, doctor: Doctor, why: RegExp): Promise<void> {
  const before = await countOf();
  await doctored(doctor, () =>
    assert.rejects(run, (error) => {
      assert(isGdpfsError(error, 'untrusted'), String(error));
      assert.match(error.message, why);
      return true;
    }),
  );
  assert.equal(await countOf(), before);
}

async function countOf(): Promise<number> {
  return (await getVolume(client.session, 'own')).count;
}

/** The first dentry, changed. */
function withDentry(changes: DentryInit): Doctor {
  return (prepared) => {
    const [first, ...rest] = prepared.records;
    assert(first !== undefined);
    const body = decodeRecord(first);
    assert(body.case === 'dentry');
    const value = { ...body.value, ...changes } as DentryInit;
    return { ...prepared, records: [encodeRecord({ case: 'dentry', value }), ...rest] };
  };
}

const digestOf = (text: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(text).digest());

function sendTar(): Promise<ApiAnswer> {
  const data = new Uint8Array(Buffer.from('small'));
  const file = { kind: 'file', path: 'f', mode: 0o644, mtimeUs: 1, data } as const;
  return writer.session.request(tarRequest(encodeTar([file])));
}

function tarRequest(bytes: Uint8Array): ApiRequest {
  return {
    method: 'POST',
    route: '/api/v1/storage/files',
    query: { path: '/own/dir' },
    body: { type: MEDIA_TYPES.tar, bytes },
    changes: true,
  };
}

const OTHER_RECORD = /prepared another one: record \d+ is not about/;

test('another name, place, kind, mode, author, time or target than asked for is not signed', async () => {
  const make = (): Promise<unknown> => makeDirectory(writer.session, '/own/dir/made');
  const other: [DentryInit, RegExp][] = [
    [{ name: 'mode' }, OTHER_RECORD],
    [{ parent: 3n }, OTHER_RECORD],
    [{ node: 3n }, OTHER_RECORD],
    [{ mode: 0o777 }, OTHER_RECORD],
    [{ author: 'somebody' }, OTHER_RECORD],
    [{ removed: true, node: 3n }, OTHER_RECORD],
    [{ kind: NodeKind.SYMLINK, target: '/etc/passwd' }, OTHER_RECORD],
    [{ mtimeUs: 5n }, /the time that it says is not about now/],
  ];
  for (const [changes, why] of other) await isRefused(make, withDentry(changes), why);
});

test('a file with another root, content, size or log than that of the bytes that were sent is not signed', async () => {
  const others: DentryInit[] = [
    { root: digestOf('other') },
    { content: digestOf('other') },
    { log: digestOf('other') },
    { size: 4n },
    { logCount: 1n },
    { mtimeUs: 2n },
  ];
  for (const changes of others) await isRefused(sendTar, withDentry(changes), OTHER_RECORD);
  const otherPart: Doctor = (prepared) => {
    const [part] = prepared.parts;
    assert(part !== undefined);
    const [meta, fchunk] = part.records;
    assert(meta !== undefined && fchunk !== undefined);
    const body = decodeRecord(fchunk);
    assert(body.case === 'fchunk');
    const value = { ...body.value, digest: digestOf('other') };
    const records = [meta, encodeRecord({ case: 'fchunk', value })];
    return { ...prepared, parts: [{ ...part, records }] };
  };
  await isRefused(sendTar, otherPart, /a chunk at 0 is not of the bytes that were sent/);
  await isRefused(sendTar, (prepared) => ({ ...prepared, parts: [] }), /a file log is missing/);
  const twice: Doctor = (prepared) => ({
    ...prepared,
    parts: [...prepared.parts, ...prepared.parts],
  });
  await isRefused(sendTar, twice, /it has file logs that nothing names/);
});

test('a file of which the server leaves bytes out, so that they read as zeros, is not signed', async () => {
  const data = new Uint8Array(randomBytes(300 * 1024));
  const request = tarRequest(
    encodeTar([{ kind: 'file', path: 'whole', mode: 0o644, mtimeUs: 1, data }]),
  );
  const send = (): Promise<ApiAnswer> => writer.session.request(request);
  const keep = (kept: (fchunks: readonly Uint8Array[]) => readonly Uint8Array[]): Doctor => {
    return (prepared) => {
      const [part] = prepared.parts;
      assert(part !== undefined);
      const [meta, ...fchunks] = part.records;
      assert(meta !== undefined && fchunks.length === 2);
      return { ...prepared, parts: [{ ...part, records: [meta, ...kept(fchunks)] }] };
    };
  };
  const end = encodeFchunk({ offset: data.length, length: 0, checksum: 0, digest: EMPTY_BYTES });
  await isRefused(
    send,
    keep(([, second = end]) => [second]),
    /the bytes at 0 are left out/,
  );
  await isRefused(
    send,
    keep(([first = end]) => [first, end]),
    /the bytes at 262144 are left out/,
  );
  await isRefused(
    send,
    keep(() => [end]),
    /the bytes at 0 are left out/,
  );
});

test('a record more, a record less and other orders are not signed', async () => {
  const deep = (): Promise<unknown> =>
    makeDirectory(writer.session, '/own/one/two', { parents: true });
  const more: Doctor = (prepared) => ({
    ...prepared,
    records: [
      ...prepared.records,
      encodeRecord({
        case: 'dentry',
        value: { parent: 0n, name: 'other', node: 4n, kind: NodeKind.DIRECTORY, removed: true },
      }),
    ],
  });
  await isRefused(deep, more, /1 more records were added to it/);
  const less: Doctor = (prepared) => ({ ...prepared, records: prepared.records.slice(0, 1) });
  await isRefused(deep, less, /a record is missing/);
  const none: Doctor = (prepared) => ({ ...prepared, records: [] });
  await isRefused(deep, none, /a record is missing/);
  const turned: Doctor = (prepared) => ({ ...prepared, records: prepared.records.toReversed() });
  await isRefused(deep, turned, OTHER_RECORD);
});

test('the removal, renaming or change of something else, or of more, is not signed', async () => {
  const rm = (): Promise<unknown> => remove(writer.session, '/own/other');
  await isRefused(rm, withDentry({ node: 2n, name: 'dir' }), /it does not remove "other"/);
  const mv = (): Promise<unknown> =>
    change(writer.session, '/own/other', { op: 'rename', to: '/own/dir/other' });
  await isRefused(mv, withDentry({ node: 2n }), OTHER_RECORD);
  await isRefused(mv, withDentry({ parent: 0n }), OTHER_RECORD);
  const set = (): Promise<unknown> =>
    change(writer.session, '/own/other', { op: 'set', mode: 0o700 });
  await isRefused(set, withDentry({ mode: 0o701 }), OTHER_RECORD);
  // The server takes what is asked of it for something else: a directory is not empty, or no file.
  const others = [
    { path: '/own/dir', asked: {}, prepared: { recursive: true } },
    { path: '/own/dir/inner', asked: { only: 'file' }, prepared: { only: undefined } },
  ] as const;
  const before = await countOf();
  for (const { path, asked, prepared } of others) {
    writer.wire.request = async ({ query, ...request }) =>
      honest({ ...request, query: { ...query, ...(request.method === 'DELETE' && prepared) } });
    await assert.rejects(remove(writer.session, path, asked), (error) =>
      isGdpfsError(error, 'untrusted'),
    );
  }
  writer.wire.request = honest;
  assert.equal(await countOf(), before);
});

test('a state that was not signed, an earlier one and another history are not gone on from', async () => {
  const make = (): Promise<unknown> => makeDirectory(writer.session, '/own/late');
  let early: PreparedCommit | undefined;
  await doctored(
    (prepared) => (early = prepared),
    () => makeDirectory(writer.session, '/own/early'),
  );
  assert(early !== undefined);
  const old = early;
  await isRefused(
    make,
    () => old,
    /cannot trust checkpoint: it has \d+ records, and \d+ were seen/,
  );
  const flipped: Doctor = (prepared) => {
    const frontier = prepared.frontier.slice();
    frontier[frontier.length - 1] = (frontier.at(-1) ?? 0) ^ 1;
    return { ...prepared, frontier };
  };
  await isRefused(make, flipped, /does not go on from the checkpoint that it shows/);
  const future: Doctor = (prepared) => ({
    ...prepared,
    timeMs: prepared.timeMs + 10 * 3600 * 1000,
  });
  await isRefused(make, future, /its time is .*, far from now/);
  const blind: Doctor = ({ evidence, ...prepared }) => ({
    ...prepared,
    evidence: { ...evidence, nodes: [] },
  });
  await isRefused(make, blind, /a node is missing/);
  const noEntries: Doctor = ({ evidence, ...prepared }) => ({
    ...prepared,
    evidence: { ...evidence, entries: [] },
  });
  const inside = (): Promise<unknown> => makeDirectory(writer.session, '/own/dir/x');
  await isRefused(inside, noEntries, /cannot trust what the server says is there/);
});

test('a server that makes another volume than the one whose keys are here is not believed', async () => {
  const lying: Session = {
    ...client.session,
    url: client.session.url,
    hasChanged: true,
    request: async (request) => {
      const body = new Uint8Array(
        Buffer.from(JSON.stringify(await getVolume(client.session, 'vision'))),
      );
      return request.method === 'POST'
        ? { headers: {}, body, bodyBytes: body.length }
        : await client.session.request(request);
    },
  };
  await assert.rejects(createOwn({ ...client, session: lying }, 'mine'), (error) =>
    isGdpfsError(error, 'untrusted'),
  );
});

test('a server that says that a change is made which nobody has signed is not believed', async () => {
  writer.wire.request = async (request) => {
    const answer = await honest(request);
    if (answer.headers['content-type'] !== MEDIA_TYPES.prepared) return answer;
    const body = new Uint8Array(Buffer.from('{"seq":9,"node":1,"count":1}'));
    return { ...answer, headers: { 'content-type': MEDIA_TYPES.json }, body };
  };
  await assert.rejects(makeDirectory(writer.session, '/own/believed'), (error) => {
    return isGdpfsError(error, 'untrusted') && /nobody has signed it/.test(error.message);
  });
  writer.wire.request = honest;
});

test('a server that drops what was signed and answered is caught by the next change', async () => {
  const seen = await countOf();
  // It answers as if the signature had been taken.
  writer.wire.request = async (request) => {
    if (request.route.endsWith('/commits')) {
      const body = new Uint8Array(Buffer.from('{}'));
      return { headers: { 'content-type': MEDIA_TYPES.json }, body, bodyBytes: 2 };
    }
    return await honest(request);
  };
  await makeDirectory(writer.session, '/own/dropped');
  writer.wire.request = honest;
  assert.equal(await countOf(), seen);
  await assert.rejects(makeDirectory(writer.session, '/own/next'), (error) => {
    return isGdpfsError(error, 'untrusted') && /records, and \d+ were seen/.test(error.message);
  });
});

test('a server that loses an answer, and then says that the change is made, is held to that', async () => {
  await using other = openWriter(client, await createOwn(client, 'withheld'));
  const { request } = other.wire;
  let hasLost = false;
  other.wire.request = async (asked) => {
    if (asked.route.endsWith('/commits')) {
      hasLost = true;
      throw new GdpfsError('not_found', 'cannot commit: nothing is prepared under that id');
    }
    if (!hasLost) return await request(asked);
    const body = new Uint8Array(Buffer.from('{}'));
    return { headers: { 'content-type': MEDIA_TYPES.json }, body, bodyBytes: 2 };
  };
  await makeDirectory(other.session, '/withheld/dropped');
  other.wire.request = request;
  await assert.rejects(makeDirectory(other.session, '/withheld/next'), (error) => {
    return isGdpfsError(error, 'untrusted') && /records, and \d+ were seen/.test(error.message);
  });
});

test('checksums of what is signed are computed by who signs, whatever the server offers', async () => {
  const source = join(client.folder, 'summed');
  const content = randomBytes(600_000);
  writeFileSync(source, content);
  const sent: ChunkFrame[] = [];
  await using other = openWriter(client, own);
  const { request: answers } = other.wire;
  other.wire.request = async (request) => {
    if (request.body?.type === MEDIA_TYPES.chunks) {
      assert.equal((request.query as { readonly unsummed?: boolean }).unsummed, undefined);
      sent.push(...new ChunkFrameDecoder().push(request.body.bytes));
    }
    const answer = await answers(request);
    if (!opensUpload(request)) return answer;
    const upload = { ...jsonOf<Upload>(answer) };
    assert.equal(upload.unsummed, undefined, 'an honest server offers nothing');
    return { ...answer, body: utf8Encode(JSON.stringify({ ...upload, unsummed: true })) };
  };
  await uploadFile(other.session, { source, path: '/own/summed' });
  assert(sent.length > 1);
  for (const { checksum, data } of sent) assert.equal(checksum, crc32(data));
});

test('whatever bit of what was prepared is flipped, nothing else than what was asked for is signed', async () => {
  await using fresh = openWriter(client, own);
  const data = new Uint8Array(Buffer.from('content'));
  const request = tarRequest(
    encodeTar([
      { kind: 'file', path: 'new/file', mode: 0o644, mtimeUs: 1, data },
      { kind: 'symlink', path: 'link', mode: 0o777, mtimeUs: 1, target: 'new/file' },
      { kind: 'directory', path: 'inner', mode: 0o700, mtimeUs: 7 },
    ]),
  );
  let body: Uint8Array | undefined;
  fresh.wire.request = async (sent) => {
    const answer = await honest(sent);
    if (answer.headers['content-type'] === MEDIA_TYPES.prepared) body ??= answer.body;
    return answer;
  };
  await fresh.session.request(request);
  assert(body !== undefined);
  const { checkpoint } = await fresh.trust();
  const asked: ToCheck = { changes: askedChanges(request) };
  const options = {
    volume: own.volume.name,
    seen: checkpoint,
    author: 'admin',
    nowMs: Date.now(),
  };
  const true_ = checkPrepared(body, asked, options);
  let same = 0;
  for (let bit = 0; bit < body.length * 8; bit += 7) {
    const flipped = body.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      const signable = checkPrepared(flipped, asked, options);
      // What is left to the server: its id, times about now, and names of file logs.
      const isAsked =
        signable.next?.count === true_.next?.count && signable.base.count === true_.base.count;
      assert(isAsked, `bit ${bit}`);
      same += 1;
    } catch (error) {
      assert(isGdpfsError(error), String(error));
    }
  }
  assert(same < body.length / 4, `${same} flipped bits changed nothing`);
  assert.equal((await stat(client.session, '/own/dir/new/file')).size, data.length);
});
