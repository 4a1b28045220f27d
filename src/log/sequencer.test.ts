import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Job, Sequencer } from './sequencer.ts';

/** Batches as they were handed over; each waits for `release`. */
class Batches {
  readonly sizes: number[] = [];
  readonly urgent: boolean[][] = [];
  #release: () => void = () => undefined;
  #arrived = Promise.withResolvers<void>();
  /** Jobs taken of a batch; by default all. */
  take: (jobs: readonly Job[]) => number = (jobs) => jobs.length;

  readonly run = async (jobs: readonly Job[]): Promise<number> => {
    this.sizes.push(jobs.length);
    this.urgent.push(jobs.map((job) => job.urgent));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#release = resolve;
    this.#arrived.resolve();
    await promise;
    const taken = jobs.slice(0, this.take(jobs));
    for (const job of taken) job.resolve('done');
    return taken.length;
  };

  /** Waits for a batch and lets it end. */
  async release(): Promise<void> {
    await this.#arrived.promise;
    this.#arrived = Promise.withResolvers();
    this.#release();
  }
}

const PLAN = (): void => undefined;

describe('Sequencer', () => {
  it('hands over what arrives in one turn as one batch, and what arrives meanwhile as the next', async () => {
    const batches = new Batches();
    const sequencer = new Sequencer(batches.run);
    const first = [sequencer.run(PLAN), sequencer.run(PLAN, { urgent: true }), sequencer.run(PLAN)];
    const released = batches.release();
    await Promise.resolve();
    const second = [sequencer.run(PLAN), sequencer.run(PLAN)];
    await released;
    assert.deepEqual(await Promise.all(first), ['done', 'done', 'done']);
    await batches.release();
    await Promise.all(second);
    assert.deepEqual(batches.sizes, [3, 2]);
    assert.deepEqual(batches.urgent, [
      [false, true, false],
      [false, false],
    ]);
  });

  it('bounds a batch, and hands over again what was not taken', async () => {
    const batches = new Batches();
    batches.take = () => LIMITS.batchChangesMax - 1;
    const sequencer = new Sequencer(batches.run);
    const runs = Array.from({ length: LIMITS.batchChangesMax + 5 }, async () =>
      sequencer.run(PLAN),
    );
    await batches.release();
    await batches.release();
    await Promise.all(runs);
    assert.deepEqual(batches.sizes, [LIMITS.batchChangesMax, 6]);
  });

  it('answers busy when too many changes wait', async () => {
    const batches = new Batches();
    batches.take = () => LIMITS.sequencerQueueMax;
    const sequencer = new Sequencer(batches.run);
    const runs = Array.from({ length: LIMITS.sequencerQueueMax }, async () => sequencer.run(PLAN));
    await assert.rejects(sequencer.run(PLAN), (error) => isGdpfsError(error, 'busy'));
    batches.take = (jobs) => jobs.length;
    for (let left = LIMITS.sequencerQueueMax; left > 0; left -= LIMITS.batchChangesMax) {
      await batches.release();
    }
    await Promise.all(runs);
    const after = sequencer.run(PLAN);
    await batches.release();
    assert.equal(await after, 'done');
  });

  it('finishes what it accepted before it closes, and accepts no more', async () => {
    const batches = new Batches();
    const sequencer = new Sequencer(batches.run);
    const accepted = sequencer.run(PLAN);
    let isClosed = false;
    const closing = sequencer.close().then(() => {
      isClosed = true;
    });
    await assert.rejects(sequencer.run(PLAN), (error) => isGdpfsError(error, 'unavailable'));
    assert.equal(isClosed, false);
    await batches.release();
    assert.equal(await accepted, 'done');
    await closing;
  });
});
