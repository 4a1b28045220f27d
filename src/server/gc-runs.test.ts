import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { GdpfsError } from '../base/errors.ts';
import type { CollectionOptions, CollectionReport } from '../fs/collection.ts';
import { GcRuns } from './gc-runs.ts';

const REPORT: CollectionReport = {
  dryRun: false,
  trimmed: 1,
  uploads: 2,
  files: 3,
  spared: [{ id: 1, name: new Uint8Array(32), reason: 'a record is missing' }],
  segments: 4,
  rewritten: 5,
  postponed: 0,
  chunks: 6,
  bytes: 7,
};

/** A collection whose runs end when they are told to. */
class Collection {
  readonly begun: CollectionOptions[] = [];
  readonly ends: ((report: CollectionReport | Error) => void)[] = [];

  run(options: CollectionOptions): Promise<CollectionReport> {
    this.begun.push(options);
    return new Promise((resolve, reject) => {
      this.ends.push((end) => (end instanceof Error ? reject(end) : resolve(end)));
      options.signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  }
}

function open(collection: Collection, everyMs?: number): GcRuns {
  const logger = pino({ level: 'silent' });
  return new GcRuns({ collection, clock: { now: () => 1000 }, logger, everyMs });
}

/** Everything that can go on has done so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('one run at a time is under way, and its state is told', async () => {
  const collection = new Collection();
  await using runs = open(collection);
  assert.deepEqual(runs.status(), {});
  runs.start({ dryRun: false, unattended: false });
  collection.begun[0]?.onProgress?.({ phase: 'mark', files: 2 });
  const { run } = runs.start({ dryRun: true, unattended: false });
  assert.deepEqual([run?.phase, run?.files, run?.dryRun], ['mark', 2, false]);
  assert.equal(collection.begun.length, 1);
  collection.ends[0]?.(REPORT);
  await settled();
  const { run: done } = runs.status();
  assert.deepEqual([done?.phase, done?.bytes, done?.endedMs], ['done', 7, 1000]);
  const volume = 'A'.repeat(43);
  assert.deepEqual(done?.spared, [{ volume, reason: 'a record is missing' }]);
  runs.start({ dryRun: true, unattended: false });
  assert.equal(collection.begun[1]?.dryRun, true);
});

test('a run that fails says why, and the next one may begin', async () => {
  const collection = new Collection();
  await using runs = open(collection);
  runs.start({ dryRun: false, unattended: false });
  collection.ends[0]?.(new GdpfsError('no_space', 'cannot write: the disk is full'));
  await settled();
  const { run } = runs.status();
  assert.equal(run?.phase, 'failed');
  assert.deepEqual(run?.error, { code: 'no_space', detail: 'cannot write: the disk is full' });
  runs.start({ dryRun: false, unattended: false });
  assert.equal(collection.begun.length, 2);
});

test('it begins by itself, again and again, and spares those who read what is old', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const collection = new Collection();
  await using runs = open(collection, 10);
  assert.equal(runs.status().nextMs, 1010);
  for (const round of [0, 1]) {
    context.mock.timers.tick(9);
    assert.equal(collection.begun.length, round);
    context.mock.timers.tick(1);
    assert.equal(collection.begun.length, round + 1);
    assert.equal(collection.begun[round]?.unattended, true);
    collection.ends[round]?.(REPORT);
    await settled();
  }
});

test('the end of the server ends what is under way', async () => {
  const collection = new Collection();
  const runs = open(collection);
  runs.start({ dryRun: false, unattended: false });
  await runs[Symbol.asyncDispose]();
  assert.equal(runs.status().run?.phase, 'failed');
});
