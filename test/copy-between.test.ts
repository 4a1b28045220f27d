/** Copies from one volume into another, of one server or of two. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { stat } from '../src/client/files.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { noPages } from '../src/client/sync/action.ts';
import { planTrees } from '../src/client/sync/plan.ts';
import { listRemoteTree } from '../src/client/sync/remote-tree.ts';
import { sameVolumeSource } from '../src/client/sync/same-volume-source.ts';
import { executeInVolume } from '../src/client/sync/volume-executor.ts';
import { Tally, type TransferResult } from '../src/client/tally.ts';
import type { Endpoint } from '../src/client/endpoint.ts';
import { copy, type CopyOptions } from '../src/client/transfer.ts';
import { createVolume } from '../src/client/volumes.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';
import { startTamperingProxy, type TamperingProxy } from './support/tampering-proxy.ts';
import { describeTree } from './support/tree.ts';

const CHUNK = LIMITS.chunkBytesDefault;
const OTHER = 'other';
const CUT = 'cut';

let stack: AsyncDisposableStack;
let folder: string;
let here: TestSession;
let there: TestSession;
let proxy: TamperingProxy;
/** As `here`, through the proxy. */
let tampered: Session;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(join(folder, 'data')));
  here = stack.use(await openTestSession(server));
  there = stack.use(
    await openTestSession(stack.use(await startServerHere(join(folder, 'data-there')))),
  );
  proxy = stack.use(await startTamperingProxy(server, here));
  tampered = stack.use(openSession({ ...here.identity, url: proxy.url }));
  await createVolume(here.session, { name: OTHER });
  await createVolume(here.session, { name: CUT, chunking: 'cdc' });
});

after(() => stack.disposeAsync());

function at(session: Session, volume: string, path: string): Endpoint {
  return { kind: 'remote', session, remote: { volume, path } };
}

function local(path: string): Endpoint {
  return { kind: 'local', path };
}

async function copyTo(
  source: Endpoint,
  destination: Endpoint,
  options: Partial<CopyOptions> = {},
): Promise<TransferResult> {
  const to = { destination, recursive: true, asDestination: true };
  return await copy({ sources: [source], ...to, ...options });
}

async function etagOf(session: Session, path: string): Promise<string | undefined> {
  return (await stat(session, path)).etag;
}

/** All that a tree can have, in a few hundred names. */
function makeTree(name: string): string {
  const root = join(folder, name);
  for (let index = 0; index < 200; index += 1) {
    const directory = join(root, `d${index % 5}`, 'e\u0301 \n');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${index}`), randomBytes(index * 10), { mode: 0o640 });
  }
  writeFileSync(join(root, 'd0', 'middle'), randomBytes(200_000));
  writeFileSync(join(root, 'd0', 'large'), randomBytes(3 * CHUNK + 1));
  mkdirSync(join(root, 'empty'));
  symlinkSync('../nowhere', join(root, 'd1', 'link'));
  chmodSync(join(root, 'd2'), 0o500);
  utimesSync(join(root, 'd3'), 1e9, 1e9);
  return root;
}

async function fetchBack(source: Endpoint, name: string): Promise<Record<string, string>> {
  const target = join(folder, name);
  const transfer = { unsafeLinks: true };
  const { errors } = await copyTo(source, local(target), { transfer });
  assert.deepEqual(errors, []);
  return describeTree(target);
}

test('a file goes to another volume, then only what differs of it, and keeps its ETag', async () => {
  const path = join(folder, 'file');
  const bytes = randomBytes(6 * CHUNK + 10);
  writeFileSync(path, bytes, { mode: 0o600 });
  utimesSync(path, 1e9, 1e9);
  const { session } = here;
  await copyTo(local(path), at(session, VOLUME, 'file'));
  const source = at(session, VOLUME, 'file');
  for (const [to, volume] of [
    [session, OTHER],
    [session, CUT],
    [there.session, VOLUME],
  ] as const) {
    const target = at(to, volume, 'new/file');
    const first = await copyTo(source, target);
    assert.deepEqual([first.files, first.bytesSent, first.bytesReused], [1, bytes.length, 0]);
    const again = await copyTo(source, target);
    assert.deepEqual([again.bytesSent, again.bytesReused], [0, bytes.length]);
    const copied = await stat(to, `/${volume}/new/file`);
    const original = await stat(session, `/${VOLUME}/file`);
    assert.deepEqual([copied.etag, copied.mode, copied.mtimeUs], [original.etag, 0o600, 1e15]);
  }
  bytes.fill(1, 2 * CHUNK, 3 * CHUNK);
  writeFileSync(path, bytes);
  await copyTo(local(path), source);
  const changed = await copyTo(source, at(there.session, VOLUME, 'new/file'));
  assert.deepEqual([changed.bytesSent, changed.bytesReused], [CHUNK, bytes.length - CHUNK]);
});

test('a tree goes to other volumes as it is, and a second time nothing does', async () => {
  const root = makeTree('tree');
  const expected = describeTree(root);
  const { session } = here;
  await copyTo(local(root), at(session, VOLUME, 'tree'));
  const source = at(session, VOLUME, 'tree');
  for (const [index, [to, volume]] of (
    [
      [session, OTHER],
      [session, CUT],
      [there.session, VOLUME],
    ] as const
  ).entries()) {
    const target = at(to, volume, 'tree');
    const first = await copyTo(source, target);
    assert.deepEqual(first.errors, []);
    assert.equal(first.bytesSent, first.bytes);
    assert.deepEqual(await fetchBack(target, `tree-back-${index}`), expected);
    const again = await copyTo(source, target);
    assert.deepEqual([again.errors, again.bytesSent, again.skipped], [[], 0, 0]);
    for (const name of ['middle', 'large', '../d4/e\u0301 \n/f4']) {
      const path = join('tree', 'd0', name);
      const copied = await etagOf(to, `/${volume}/${path}`);
      assert.equal(copied, await etagOf(session, `/${VOLUME}/${path}`), name);
    }
  }
});

test('a tree of a volume that is cut by content keeps its chunks elsewhere', async () => {
  const root = join(folder, 'cut');
  mkdirSync(root);
  // Long enough to be cut, short enough for a tar stream.
  for (const name of ['a', 'b', 'c']) writeFileSync(join(root, name), randomBytes(250_000));
  const { session } = here;
  await copyTo(local(root), at(session, CUT, 'cut'));
  const result = await copyTo(at(session, CUT, 'cut'), at(there.session, VOLUME, 'cut'));
  assert.deepEqual([result.errors, result.files], [[], 3]);
  for (const name of ['a', 'b', 'c']) {
    const copied = await etagOf(there.session, `/${VOLUME}/cut/${name}`);
    assert.equal(copied, await etagOf(session, `/${CUT}/cut/${name}`));
  }
});

test('content that the other volume has under any name is not sent', async () => {
  const root = makeTree('known');
  const { session } = here;
  await copyTo(local(root), at(session, VOLUME, 'known'));
  await copyTo(local(root), at(there.session, VOLUME, 'elsewhere'));
  const result = await copyTo(at(session, VOLUME, 'known'), at(there.session, VOLUME, 'known'));
  assert.deepEqual([result.errors, result.bytesSent], [[], 0]);
  assert.equal(result.bytesReused, result.bytes);
});

test('a copy between volumes merges into what is there, as it is told', async () => {
  const root = join(folder, 'merge');
  mkdirSync(root);
  for (const name of ['a', 'b']) writeFileSync(join(root, name), 'new');
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd', 'x'), 'new');
  const { session } = here;
  await copyTo(local(root), at(session, VOLUME, 'merge'));
  const old = join(folder, 'merge-old');
  mkdirSync(old);
  for (const name of ['a', 'c', 'd']) writeFileSync(join(old, name), 'old');
  await copyTo(local(old), at(there.session, VOLUME, 'merge'));
  const target = at(there.session, VOLUME, 'merge');
  const source = at(session, VOLUME, 'merge');
  const kept = await copyTo(source, target, { replace: 'never' });
  assert.deepEqual(
    kept.errors.map(({ path, error }) => [path, error.code]),
    [[`/${VOLUME}/merge/d`, 'not_a_directory']],
  );
  assert.deepEqual([kept.files, kept.skipped], [1, 1]);
  await copyTo(source, target);
  const back = join(folder, 'merge-back');
  await copyTo(target, local(back));
  const texts = ['a', 'b', 'c', 'd'].map((name) => readFileSync(join(back, name), 'utf8'));
  assert.deepEqual(texts, ['new', 'new', 'old', 'old']);
});

test('a copy between volumes refuses what a copy elsewhere refuses', async () => {
  const { session } = here;
  const root = makeTree('refused');
  await copyTo(local(root), at(session, VOLUME, 'refused'));
  const rejects = async (
    source: string,
    target: string,
    [code, options]: readonly [string, Partial<CopyOptions>?],
  ): Promise<void> => {
    const copying = copyTo(at(session, VOLUME, source), at(there.session, VOLUME, target), options);
    await assert.rejects(copying, (error) => isGdpfsError(error) && error.code === code);
  };
  await rejects('refused', 'x', ['is_a_directory', { recursive: false }]);
  await rejects('none', 'x', ['not_found']);
  await rejects('refused/d1/link', 'x', ['not_a_file']);
  await copyTo(local(join(root, 'd0')), at(there.session, VOLUME, 'refused-directory'));
  await copyTo(local(join(root, 'd0', 'middle')), at(there.session, VOLUME, 'refused-file'));
  await rejects('refused/d0/middle', 'refused-directory', ['is_a_directory']);
  await rejects('refused/d0', 'refused-file', ['not_a_directory']);
});

test('what comes wrong out of a volume does not get into the other', async () => {
  const root = makeTree('wrong');
  await copyTo(local(root), at(here.session, VOLUME, 'wrong'));
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== '/api/v1/storage/file/chunks') return body;
    const forged = Buffer.from(body);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    return forged;
  };
  const large = at(tampered, VOLUME, 'wrong/d0/large');
  const copying = copyTo(large, at(there.session, VOLUME, 'forged'));
  await assert.rejects(copying, (error) => isGdpfsError(error, 'corrupt'));
  const missing = stat(there.session, `/${VOLUME}/forged`);
  await assert.rejects(missing, (error) => isGdpfsError(error, 'not_found'));
  let count = 0;
  proxy.tamper = ({ url, body }) => {
    if (url.pathname !== '/api/v1/storage/tar') return body;
    count += 1;
    const last = body.findLastIndex((byte) => byte !== 0);
    return Buffer.from(body.map((byte, index) => (index === last ? byte ^ 1 : byte)));
  };
  const repaired = await copyTo(at(tampered, VOLUME, 'wrong'), at(there.session, VOLUME, 'wrong'));
  assert(count > 0);
  assert.deepEqual(repaired.errors, []);
  proxy.tamper = ({ body }) => body;
  assert.deepEqual(
    await fetchBack(at(there.session, VOLUME, 'wrong'), 'wrong-back'),
    describeTree(root),
  );
});

test('a copy between volumes that was cut off goes on where it was', async () => {
  const path = join(folder, 'long');
  const bytes = randomBytes(40 * CHUNK);
  writeFileSync(path, bytes);
  await copyTo(local(path), at(here.session, VOLUME, 'long'));
  const controller = new AbortController();
  let before = 0;
  const observer = {
    progress: (progress: { readonly bytes: number }): void => {
      before = progress.bytes;
      if (before >= 10 * CHUNK) controller.abort(new Error('enough'));
    },
  };
  const source = at(here.session, VOLUME, 'long');
  const target = at(there.session, VOLUME, 'long');
  const { signal } = controller;
  await assert.rejects(copyTo(source, target, { signal, observer }), /enough/);
  const rest = await copyTo(source, target);
  assert(rest.bytesReused >= before, `${rest.bytesReused} bytes reused, ${before} were safe`);
  assert.equal(rest.bytesSent + rest.bytesReused, bytes.length);
});

test('a plan inside of a volume moves no bytes', async () => {
  const root = makeTree('inside');
  const { session } = here;
  await copyTo(local(root), at(session, VOLUME, 'inside'));
  const from = `/${VOLUME}/inside`;
  const to = `/${VOLUME}/inside-copy`;
  await copyTo(local(join(root, 'd0')), at(session, VOLUME, 'inside-copy'));
  const { seq, pages } = await listRemoteTree(session, from);
  const there = await listRemoteTree(session, to);
  const tally = new Tally();
  const options = { by: 'content', remove: true } as const;
  await executeInVolume(session, planTrees(pages, there.pages, options), {
    source: sameVolumeSource({
      from: { session, path: from, at: String(seq) },
      to: { session, path: to, chunking: 'fixed', isEmpty: false },
      tally,
    }),
    path: to,
    tally,
  });
  assert.deepEqual([tally.errors, tally.bytesSent], [[], 0]);
  const copied = await fetchBack(at(session, VOLUME, 'inside-copy'), 'inside-back');
  assert.deepEqual(copied, describeTree(root));
  const same = planTrees(
    (await listRemoteTree(session, from)).pages,
    (await listRemoteTree(session, to)).pages,
    options,
  );
  for await (const actions of same) assert.deepEqual(actions, []);
  const all = planTrees((await listRemoteTree(session, from)).pages, noPages(), options);
  let count = 0;
  for await (const actions of all) count += actions.length;
  assert(count > 200);
});
