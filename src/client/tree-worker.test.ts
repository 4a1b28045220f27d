import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { decodeListing } from '../wire/listing.ts';
import type { LocalAnswer, LocalRequest } from './local-requests.ts';
import { offerThread, startTreeWorker, type TreeWorker } from './tree-worker.ts';

test('a thread that was started early is taken, once, by who asks for just that', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'gdpfs-early-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'file'), 'content');
  const workerData = { root, rules: [] };
  const early = new Worker(new URL('local-worker.ts', import.meta.url), { workerData });
  early.unref();
  offerThread({ name: 'local-worker', workerData, worker: early });
  {
    const other = { root, rules: [{ kind: 'exclude', pattern: 'file' }] };
    await using worker = startTreeWorker<LocalRequest, LocalAnswer>('local-worker', other);
    assert.equal(early.listenerCount('message'), 0);
    assert.deepEqual(await namesOf(worker), []);
  }
  {
    await using worker = startTreeWorker<LocalRequest, LocalAnswer>('local-worker', workerData);
    assert.equal(early.listenerCount('message'), 1);
    assert.deepEqual(await namesOf(worker), ['file']);
  }
  // That one has ended.
  await using worker = startTreeWorker<LocalRequest, LocalAnswer>('local-worker', workerData);
  assert.deepEqual(await namesOf(worker), ['file']);
});

async function namesOf(worker: TreeWorker<LocalRequest, LocalAnswer>): Promise<string[]> {
  const answer = await worker.ask({ kind: 'list', isFirst: true, packs: false });
  assert(answer.kind === 'list');
  return decodeListing(answer.rows).map(({ relative }) => relative);
}
