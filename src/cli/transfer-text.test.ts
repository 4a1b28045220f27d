import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { GdpfsError } from '../base/errors.ts';
import { Tally } from '../client/tally.ts';
import type { TransferView } from './transfer-meter.ts';
import { formatProgress, formatSummary } from './transfer-text.ts';

function newView(view: Partial<TransferView> = {}): TransferView {
  const progress = new Tally();
  progress.files = 120;
  progress.bytes = 1.2e9;
  progress.bytesSent = 4e8;
  progress.bytesReused = 8e8;
  progress.expect({ files: 300, bytes: 2.7e9 });
  progress.expected.isComplete = true;
  const rest = { fraction: 0.456, bytesPerSecond: 4.12e8, leftMs: 11_400, standstill: undefined };
  return { progress, elapsedMs: 2900, ...rest, ...view };
}

test('formatProgress() says how far it is, how fast, for how long, and what was saved', () => {
  assert.equal(
    formatProgress(newView(), 120),
    ' 45%  120/300 files  1.20 GB of 2.70 GB   412 MB/s  ETA 0:12  400 MB sent, 800 MB saved',
  );
});

test('formatProgress() leaves out what matters least until the line fits', () => {
  const widths = [79, 60, 40, 24, 5, 3, 0];
  assert.deepEqual(
    widths.map((width) => formatProgress(newView(), width)),
    [
      ' 45%  120/300 files  1.20 GB of 2.70 GB   412 MB/s  ETA 0:12',
      ' 45%  120/300 files  1.20 GB of 2.70 GB   412 MB/s  ETA 0:12',
      ' 45%  1.20 GB of 2.70 GB  ETA 0:12',
      ' 45%  1.20 GB of 2.70 GB',
      ' 45%',
      ' 45',
      '',
    ],
  );
});

test('formatProgress() never exceeds the width', () => {
  const views = fc.record({
    fraction: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    bytesPerSecond: fc.option(fc.double({ min: 0, max: 1e15, noNaN: true }), { nil: undefined }),
    leftMs: fc.option(fc.nat(), { nil: undefined }),
    standstill: fc.option(fc.record({ reason: fc.string(), leftMs: fc.nat() }), {
      nil: undefined,
    }),
  });
  fc.assert(
    fc.property(views, fc.nat({ max: 300 }), (view, width) => {
      assert(formatProgress(newView(view), width).length <= width);
    }),
  );
});

test('formatProgress() says only what it knows', () => {
  const progress = new Tally();
  progress.addBytes(5);
  const unknown = { fraction: undefined, bytesPerSecond: undefined, leftMs: undefined };
  assert.equal(formatProgress(newView({ progress, ...unknown }), 80), '0 files  5 B');
});

test('formatProgress() says what it waits for instead of a rate', () => {
  const reason = 'cannot reach "https://host:7443": it stopped answering';
  const standstill = { reason, leftMs: 2100 };
  assert.equal(
    formatProgress(newView({ standstill }), 100),
    ' 45%  1.20 GB of 2.70 GB  waiting for the server: it stopped answering, next try in 3 s',
  );
  assert.equal(
    formatProgress(newView({ standstill: { ...standstill, leftMs: 0 } }), 62),
    'waiting for the server: it stopped answering, trying again',
  );
});

test('formatProgress() writes long times as clocks do, and very long ones in days', () => {
  const eta = (leftMs: number): string => formatProgress(newView({ leftMs }), 65).slice(-9).trim();
  assert.deepEqual([500, 59_001, 3_723_000, 183_600_000].map(eta), [
    'ETA 0:01',
    'ETA 1:00',
    'A 1:02:03',
    'ETA 2d 3h',
  ]);
});

function newTally(counts: Partial<Tally>): Tally {
  return Object.assign(new Tally(), counts);
}

function summaryOf(done: string, tally: Tally, elapsedMs: number): string {
  return formatSummary(tally.result(), { done, way: 'sent', elapsedMs });
}

test('formatSummary() says what was done, how fast, what was saved and what was checked', () => {
  const tally = newTally({ files: 3, bytes: 1.2e9, bytesSent: 4e8, bytesReused: 8e8 });
  assert.equal(
    summaryOf('copied', tally, 2900),
    'copied 3 files, 1.20 GB in 2.9 s (414 MB/s): 400 MB sent, 800 MB already there; each verified by SHA-256',
  );
});

test('what comes out of a volume is received, not sent', () => {
  const tally = newTally({ files: 1, bytes: 5, bytesSent: 3, bytesReused: 2 });
  assert.equal(
    formatSummary(tally.result(), { done: 'copied', way: 'received', elapsedMs: 100 }),
    'copied 1 file, 5 B in 0.1 s: 3 B received, 2 B already here; each verified by SHA-256',
  );
  assert.match(formatProgress(newView(), 120, 'received'), /400 MB received, 800 MB saved$/);
});

test('formatSummary() leaves out what did not happen', () => {
  const summary = (counts: Partial<Tally>, elapsedMs = 100): string =>
    summaryOf('moved', newTally(counts), elapsedMs);
  assert.equal(summary({}), 'moved 0 files in 0.1 s');
  assert.equal(summary({ renamed: 1 }), 'moved 1 name in 0.1 s');
  assert.equal(summary({ files: 1 }), 'moved 1 file in 0.1 s; each verified by SHA-256');
  assert.equal(
    summary({ directories: 1, links: 2, removed: 3, skipped: 1 }, 3_600_000),
    'moved 1 directory, 2 links in 1:00:00: 3 removed, 1 left as it was',
  );
});

test('formatSummary() says of how many files the MD5 was compared', () => {
  const end = (md5Compared: number): string | undefined =>
    summaryOf('copied', newTally({ files: 3, md5Compared }), 100).split('; ')[1];
  assert.deepEqual([0, 2, 3].map(end), [
    'each verified by SHA-256',
    'each verified by SHA-256, 2 by MD5 too',
    'each verified by SHA-256 and MD5',
  ]);
});

test('formatSummary() says how much failed', () => {
  const tally = newTally({ files: 1, skipped: 2 });
  tally.fail({ path: 'a', error: new GdpfsError('not_found', 'cannot find "a": gone') });
  assert.equal(
    summaryOf('copied', tally, 100),
    'copied 1 file in 0.1 s: 2 left as they were; each verified by SHA-256; 1 failed',
  );
});
