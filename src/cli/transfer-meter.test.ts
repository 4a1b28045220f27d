import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GdpfsError } from '../base/errors.ts';
import { Tally } from '../client/tally.ts';
import { TransferMeter } from './transfer-meter.ts';

function newMeter() {
  const clock = { ms: 1000 };
  const tally = new Tally();
  return { clock, tally, meter: new TransferMeter(tally, () => clock.ms) };
}

function addFile(tally: Tally, size: number): void {
  tally.addBytes(size);
  tally.fileDone({ path: '/v/f', size, bytesSent: size, bytesReused: 0 });
}

test('TransferMeter gives no rate for a moment, then that of the last few seconds', () => {
  const { clock, tally, meter } = newMeter();
  tally.addBytes(1e6);
  clock.ms += 499;
  assert.equal(meter.view().bytesPerSecond, undefined);
  clock.ms += 1;
  assert.equal(meter.view().bytesPerSecond, 2e6);
  for (let seconds = 0; seconds < 20; seconds += 1) {
    clock.ms += 1000;
    tally.addBytes(5e6);
    meter.view();
  }
  assert.equal(meter.view().bytesPerSecond, 5e6);
  for (let seconds = 0; seconds < 10; seconds += 1) {
    clock.ms += 1000;
    meter.view();
  }
  const { bytesPerSecond, leftMs, elapsedMs } = meter.view();
  assert.deepEqual([bytesPerSecond, leftMs, elapsedMs], [0, undefined, 30_500]);
});

test('TransferMeter keeps a rate of one peak from jumping', () => {
  const { clock, tally, meter } = newMeter();
  const rates: number[] = [];
  for (let tick = 0; tick < 80; tick += 1) {
    clock.ms += 250;
    tally.addBytes(tick === 60 ? 2_500_000 : 250_000);
    rates.push(meter.view().bytesPerSecond ?? 0);
  }
  assert.equal(rates[59], 1e6);
  assert.equal(Math.max(...rates), 1.45e6);
});

test('TransferMeter knows what is left only when all that there is to do is known', () => {
  const { clock, tally, meter } = newMeter();
  tally.expect({ files: 4, bytes: 4e6 });
  addFile(tally, 1e6);
  clock.ms += 1000;
  assert.deepEqual([meter.view().fraction, meter.view().leftMs], [undefined, undefined]);
  tally.expected.isComplete = true;
  assert.deepEqual([meter.view().fraction, meter.view().leftMs], [0.25, 3000]);
  for (let file = 0; file < 3; file += 1) addFile(tally, 1e6);
  assert.deepEqual([meter.view().fraction, meter.view().leftMs], [1, 0]);
});

test('TransferMeter counts files too, so that many empty ones are not done at once', () => {
  const { clock, tally, meter } = newMeter();
  tally.expect({ files: 10, bytes: 0 });
  tally.expected.isComplete = true;
  for (let file = 0; file < 5; file += 1) addFile(tally, 0);
  clock.ms += 1000;
  assert.deepEqual([meter.view().fraction, meter.view().leftMs], [0.5, 1000]);
});

test('TransferMeter says why nothing moves, unless that is only for a moment', () => {
  const { clock, tally, meter } = newMeter();
  const reason = new GdpfsError('unavailable', 'cannot reach it');
  meter.waiting({ reason, retryInMs: 500, attempt: 2 });
  clock.ms += 999;
  assert.equal(meter.view().standstill, undefined);
  meter.waiting({ reason, retryInMs: 3000, attempt: 3 });
  clock.ms += 1;
  assert.deepEqual(meter.view().standstill, { reason: 'cannot reach it', leftMs: 2999 });
  clock.ms += 5000;
  assert.deepEqual(meter.view().standstill, { reason: 'cannot reach it', leftMs: 0 });
  tally.addBytes(1);
  assert.equal(meter.view().standstill, undefined);
  meter.waiting({ reason, retryInMs: 3000, attempt: 2 });
  assert.equal(meter.view().standstill, undefined);
});

test('TransferMeter shows no negative rate when a file that failed is taken back', () => {
  const { clock, tally, meter } = newMeter();
  tally.addBytes(1e6);
  clock.ms += 1000;
  meter.view();
  clock.ms += 5000;
  tally.addBytes(-1e6);
  assert.equal(meter.view().bytesPerSecond, 0);
});
