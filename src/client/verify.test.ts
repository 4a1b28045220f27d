import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { change, makeDirectory, remove } from './files.ts';
import { copy } from './transfer.ts';
import { verifyVolume } from './verify.ts';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

test('verifyVolume() finds an empty volume good', async () => {
  const report = await verifyVolume(client.session, { volume: VOLUME, data: true });
  assert.deepEqual([report.problems, report.files], [[], 0]);
  assert(report.records > 0 && report.checkpoints > 0);
});

test('verifyVolume() finds a volume good after every kind of change', async () => {
  const source = join(client.folder, 'source');
  mkdirSync(join(source, 'a', 'b'), { recursive: true });
  for (let index = 0; index < 20; index += 1) {
    writeFileSync(join(source, 'a', 'b', `f${index}`), randomBytes(index * 100));
  }
  writeFileSync(join(source, 'large'), randomBytes(5 * LIMITS.chunkBytesDefault + 1));
  symlinkSync('large', join(source, 'link'));
  const { session } = client;
  const remote = { volume: VOLUME, path: 'tree' };
  const destination = { kind: 'remote', session, remote } as const;
  await copy({ sources: [{ kind: 'local', path: source }], destination, recursive: true });
  const tree = `/${VOLUME}/tree`;
  const { seq } = await change(session, `${tree}/a`, { op: 'rename', to: `${tree}/moved` });
  await change(session, `${tree}/large`, { op: 'truncate', size: 300_000 });
  await change(session, `${tree}/large`, { op: 'truncate', size: 900_000 });
  await change(session, `${tree}/moved`, { op: 'copy', to: `${tree}/copy`, recursive: true });
  await change(session, `${tree}/moved/b/f1`, { op: 'rename', to: `${tree}/copy/b/f2` });
  await change(session, `${tree}/link`, { op: 'set', mode: 0o700, mtimeUs: 5 });
  await remove(session, `${tree}/moved`, { recursive: true });
  await makeDirectory(session, `${tree}/moved`);
  await remove(session, `${tree}/moved`);
  await change(session, `${tree}/moved`, { op: 'restore', at: String(seq) });
  await remove(session, `${tree}/copy/b`, { recursive: true });
  const report = await verifyVolume(session, { volume: VOLUME, data: true });
  assert.deepEqual(report.problems, []);
  assert(report.files > 0 && report.bytes >= 900_000);
});

test('verifyVolume() without `data` does not look at content', async () => {
  const report = await verifyVolume(client.session, { volume: VOLUME, data: false });
  assert.deepEqual([report.problems, report.files, report.bytes], [[], 0, 0]);
});
