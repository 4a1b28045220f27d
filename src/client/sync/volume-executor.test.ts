import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type CountingSession, countRequests } from '../../../test/support/counting-session.ts';
import { startServerHere, temporaryDirectory } from '../../../test/support/server.ts';
import {
  openTestSession,
  startTestClient,
  type TestClient,
  VOLUME,
} from '../../../test/support/session.ts';
import { describeTree } from '../../../test/support/tree.ts';
import { change, stat } from '../files.ts';
import type { FileDone } from '../tally.ts';
import { copy, type CopyOptions } from '../transfer.ts';
import { createVolume } from '../volumes.ts';
import type { TransferResult } from '../tally.ts';

const TARS = 'POST /api/v1/storage/files';
const QUESTIONS = 'POST /api/v1/file/chunks';
const LISTINGS = 'GET /api/v1/files';

let client: TestClient;

before(async () => {
  client = await startTestClient();
  // The volume has something, so that it must be asked.
  const first = newTree('first', { count: 1, bytes: 10 });
  await upload(countRequests(client.session), first, 'first');
});

after(() => client[Symbol.asyncDispose]());

/** Random files in a few directories. */
function newTree(name: string, { count, bytes }: { count: number; bytes: number }): string {
  const root = join(client.folder, name);
  mkdirSync(root);
  for (let index = 0; index < count; index += 1) {
    const directory = join(root, `d${index % 7}`);
    if (index < 7) mkdirSync(directory);
    writeFileSync(join(directory, `f${index}`), randomBytes(bytes));
  }
  return root;
}

async function upload(
  session: CountingSession,
  source: string,
  path: string,
  options: Partial<CopyOptions> = {},
): Promise<TransferResult> {
  return await copy({
    sources: [{ kind: 'local', path: source }],
    destination: { kind: 'remote', session, remote: { volume: VOLUME, path } },
    asDestination: true,
    recursive: true,
    ...options,
  });
}

async function download(path: string): Promise<Record<string, string>> {
  const target = join(client.folder, `${path.replaceAll('/', '-')}-back`);
  const { session } = client;
  await copy({
    sources: [{ kind: 'remote', session, remote: { volume: VOLUME, path } }],
    destination: { kind: 'local', path: target },
    asDestination: true,
    recursive: true,
  });
  return describeTree(target);
}

describe('copying a tree into a volume', () => {
  test('sends nothing of it a second time, and does not change the volume', async () => {
    const source = newTree('twice', { count: 30, bytes: 5000 });
    mkdirSync(join(source, 'empty'));
    writeFileSync(join(source, 'nothing'), '');
    symlinkSync('nothing', join(source, 'link'));
    await upload(countRequests(client.session), source, 'twice');
    const { seq } = await stat(client.session, `/${VOLUME}/twice/d0/f0`);
    const session = countRequests(client.session);
    const result = await upload(session, source, 'twice');
    assert.equal(result.bytesSent, 0);
    assert.equal(result.bytesReused, 30 * 5000);
    assert.equal(session.requests.get(TARS), undefined);
    assert.equal((await stat(client.session, `/${VOLUME}/twice/d0/f0`)).seq, seq);
  });

  test('goes on after it was cut off, and sends only what is not there', async () => {
    const source = newTree('cut', { count: 2500, bytes: 200 });
    const session = countRequests(client.session);
    session.before = ({ route, method }) => {
      const isTar = method === 'POST' && route === '/api/v1/storage/files';
      if (isTar && session.requests.get(TARS) === 2)
        throw new GdpfsError('unavailable', 'it is cut');
    };
    await assert.rejects(upload(session, source, 'cut'), /it is cut/);
    const again = countRequests(client.session);
    const { bytesSent, bytesReused, errors } = await upload(again, source, 'cut');
    assert.deepEqual(errors, []);
    assert.equal(bytesSent + bytesReused, 2500 * 200);
    // Two of four streams were committed; a few of the entries are directories.
    assert(bytesReused >= (2 * LIMITS.firstNames - 7) * 200, `${bytesReused} bytes reused`);
    assert.deepEqual(await download('cut'), describeTree(source));
  });

  test('sends no content of files that the volume has under other names', async () => {
    const source = newTree('renamed', { count: 40, bytes: 4096 });
    await upload(countRequests(client.session), source, 'renamed');
    renameSync(join(source, 'd3'), join(source, 'other name'));
    const session = countRequests(client.session);
    const result = await upload(session, source, 'renamed-copy');
    assert.equal(result.bytesSent, 0);
    assert.equal(result.bytesReused, 40 * 4096);
    assert(session.sentBytes < 40 * 4096);
    assert.deepEqual(await download('renamed-copy'), describeTree(source));
  });

  test('sends what the volume says it has and then does not have', async () => {
    const source = newTree('lost', { count: 20, bytes: 1000 });
    const session = countRequests(client.session);
    const { request } = session;
    session.request = async (asked) => {
      const answer = await request(asked);
      if (asked.route !== '/api/v1/file/chunks') return answer;
      return { ...answer, body: Buffer.from('{"missing":[]}') };
    };
    const { bytesSent, errors } = await upload(session, source, 'lost');
    assert.deepEqual(errors, []);
    assert.equal(bytesSent, 20 * 1000);
    assert.equal(session.requests.get(TARS), 2);
    assert.deepEqual(await download('lost'), describeTree(source));
  });

  test('sends content again that is lost, though the file is there as it should be', async () => {
    const source = newTree('healed', { count: 5, bytes: 1000 });
    await upload(countRequests(client.session), source, 'healed');
    const session = countRequests(client.session);
    const { request } = session;
    session.request = async (asked) => {
      const answer = await request(asked);
      if (asked.route !== '/api/v1/file/chunks') return answer;
      return { ...answer, body: Buffer.from('{"missing":[3]}') };
    };
    const { bytesSent, bytesReused } = await upload(session, source, 'healed');
    assert.deepEqual([bytesSent, bytesReused], [1000, 4000]);
  });

  test('sends nothing a second time to a volume whose files are cut by content', async () => {
    const volume = 'cut-by-content';
    await createVolume(client.session, { name: volume, chunking: 'cdc' });
    const source = newTree('cdc', { count: 9, bytes: 1000 });
    for (const size of [
      LIMITS.cutBytesMin,
      LIMITS.cutBytesMin + 1,
      LIMITS.smallFileBytesMax,
      700_000,
    ]) {
      writeFileSync(join(source, String(size)), randomBytes(size));
    }
    const session = client.session;
    const destination = { kind: 'remote', session, remote: { volume, path: 'cdc' } } as const;
    const first = await upload(countRequests(session), source, '', { destination });
    assert.deepEqual(first.errors, []);
    const { bytesSent, bytesReused } = await upload(countRequests(session), source, '', {
      destination,
    });
    assert.deepEqual([bytesSent, bytesReused], [0, first.bytes]);
  });

  test('asks nothing of an empty volume, and lists nothing that is not there', async () => {
    await using empty = await temporaryDirectory();
    await using other = await startServerHere(join(empty.path, 'data'));
    await using fresh = await openTestSession(other);
    const session = countRequests(fresh.session);
    const source = newTree('fresh', { count: 10, bytes: 100 });
    await upload(session, source, 'fresh');
    assert.equal(session.requests.get(QUESTIONS), undefined);
    // Whether the destination is there.
    assert.equal(session.requests.get(LISTINGS), 1);
  });

  test('changes only attributes without sending content', async () => {
    const source = newTree('attributes', { count: 5, bytes: 3000 });
    await upload(countRequests(client.session), source, 'attributes');
    chmodSync(join(source, 'd0/f0'), 0o600);
    utimesSync(join(source, 'd1/f1'), 1, 1.5);
    const { bytesSent } = await upload(countRequests(client.session), source, 'attributes');
    assert.equal(bytesSent, 0);
    assert.deepEqual(await download('attributes'), describeTree(source));
  });

  test('replaces a changed file, a link by a file and a file by a link', async () => {
    const source = newTree('replaced', { count: 3, bytes: 3000 });
    symlinkSync('f0', join(source, 'd0', 'link'));
    await upload(countRequests(client.session), source, 'replaced');
    writeFileSync(join(source, 'd0/f0'), randomBytes(3000));
    renameSync(join(source, 'd1/f1'), join(source, 'd0/link'));
    symlinkSync('nowhere', join(source, 'd1/f1'));
    const { bytesSent } = await upload(countRequests(client.session), source, 'replaced');
    assert.equal(bytesSent, 3000);
    assert.deepEqual(await download('replaced'), describeTree(source));
  });

  test('keeps files that exist, as told', async () => {
    const source = newTree('kept', { count: 3, bytes: 10 });
    await upload(countRequests(client.session), source, 'kept');
    const old = describeTree(source);
    writeFileSync(join(source, 'd0/f0'), 'new');
    writeFileSync(join(source, 'd0/more'), 'more');
    const result = await upload(countRequests(client.session), source, 'kept', {
      replace: 'never',
    });
    assert.equal(result.skipped, 3);
    assert.equal(result.files, 1);
    const back = await download('kept');
    assert.equal(back['d0/f0'], old['d0/f0']);
    assert.equal(back['d0/more'], describeTree(source)['d0/more']);
  });

  test('tells of each file, and how much of it was sent', async () => {
    const source = newTree('told', { count: 3, bytes: 10 });
    await upload(countRequests(client.session), source, 'told');
    writeFileSync(join(source, 'd1/f1'), 'changed');
    const files: FileDone[] = [];
    const observer = { file: (done: FileDone) => void files.push(done) };
    const { expected } = await upload(countRequests(client.session), source, 'told', {
      observer,
    }).then(() => ({ expected: files.length }));
    assert.equal(expected, 3);
    assert.deepEqual(
      files.toSorted((left, right) => (left.path < right.path ? -1 : 1)),
      [
        { path: `/${VOLUME}/told/d0/f0`, size: 10, bytesSent: 0, bytesReused: 10 },
        { path: `/${VOLUME}/told/d1/f1`, size: 7, bytesSent: 7, bytesReused: 0 },
        { path: `/${VOLUME}/told/d2/f2`, size: 10, bytesSent: 0, bytesReused: 10 },
      ],
    );
  });

  test('reports a directory where a file should go, and copies the rest', async () => {
    const source = newTree('conflict', { count: 8, bytes: 10 });
    await upload(countRequests(client.session), source, 'conflict');
    await change(client.session, `/${VOLUME}/conflict/d1`, {
      op: 'rename',
      to: `/${VOLUME}/conflict/d9`,
    });
    await change(client.session, `/${VOLUME}/conflict/d0/f0`, {
      op: 'rename',
      to: `/${VOLUME}/conflict/d1`,
    });
    await change(client.session, `/${VOLUME}/conflict/d9`, {
      op: 'rename',
      to: `/${VOLUME}/conflict/d0/f0`,
    });
    writeFileSync(join(source, 'd2/new'), 'new');
    const { errors } = await upload(countRequests(client.session), source, 'conflict');
    assert.deepEqual(
      errors.map(({ path, error }) => [path, error.code]),
      [
        [`/${VOLUME}/conflict/d0/f0`, 'is_a_directory'],
        [`/${VOLUME}/conflict/d1`, 'not_a_directory'],
      ],
    );
    assert.equal((await stat(client.session, `/${VOLUME}/conflict/d2/new`)).size, 3);
  });

  test('copies 2,500 files with odd names, and brings them back', async () => {
    const source = newTree('odd', { count: 2500, bytes: 1 });
    const names = [
      '\u{1f600}',
      'line\nbreak',
      'n'.repeat(255),
      '\ue000',
      ' ',
      '-rf',
      'a"b',
      '\ufffd',
    ];
    for (const name of names) writeFileSync(join(source, 'd1', name), name);
    const result = await upload(countRequests(client.session), source, 'odd');
    assert.deepEqual(result.errors, []);
    assert.deepEqual(await download('odd'), describeTree(source));
    assert.equal(readFileSync(join(source, 'd1', '\u{1f600}'), 'utf8'), '\u{1f600}');
  });
});
