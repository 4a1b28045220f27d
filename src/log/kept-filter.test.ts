import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { sha256 } from '../base/digest.ts';
import { KeptFilter } from './kept-filter.ts';

const BYTES = 64 * 1024;
const VOLUME = 3;

function digest(number: number): Uint8Array {
  return sha256(Uint8Array.of(number >>> 16, number >>> 8, number));
}

function digests(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => digest(from + index));
}

function countIn(filter: KeptFilter, volume: number, all: readonly Uint8Array[]): number {
  return all.filter((each) => filter.has(volume, each)).length;
}

test('KeptFilter has all that was added, and next to nothing else', () => {
  const filter = KeptFilter.create(BYTES);
  const added = digests(0, 10_000);
  const others = digests(20_000, 10_000);
  assert.equal(countIn(filter, VOLUME, added), 0);
  for (const each of added) filter.add(VOLUME, each);
  assert.equal(countIn(filter, VOLUME, added), 10_000);
  // Two in a million are expected, of others as of the same in another volume.
  assert(countIn(filter, VOLUME, others) < 10);
  assert(countIn(filter, VOLUME + 1, added) < 10);
});

test('KeptFilter says of others by chance that they are in it, not the same ones in each filter', () => {
  const others = digests(20_000, 1000);
  const wrong = [0, 1].map(() => {
    const filter = KeptFilter.create(64);
    for (const each of digests(0, 60)) filter.add(VOLUME, each);
    return others.map((each) => filter.has(VOLUME, each));
  });
  assert.notDeepEqual(wrong[0], wrong[1]);
});

test('KeptFilter forgets nothing that threads add at once', async () => {
  const filter = KeptFilter.create(1024);
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.module).then(({ KeptFilter }) => {
      const filter = new KeptFilter(workerData.shared);
      parentPort.once('message', () => {
        for (const digest of workerData.digests) filter.add(${VOLUME}, digest);
        parentPort.postMessage('done');
      });
      parentPort.postMessage('ready');
    });`;
  const module = new URL('kept-filter.ts', import.meta.url).href;
  const parts = [digests(0, 300), digests(300, 300)];
  const workers = parts.map((part) => {
    const workerData = { module, shared: filter.shared, digests: part };
    return new Worker(code, { eval: true, workerData });
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const done = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('go');
  await Promise.all(done);
  await Promise.all(workers.map((worker) => worker.terminate()));
  assert.equal(countIn(filter, VOLUME, parts.flat()), 600);
});
