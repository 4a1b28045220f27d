/** What tests of the fold share. */
import assert from 'node:assert/strict';
import type { Change, Moment } from '../../src/fs/types.ts';
import type { TestStore } from './store.ts';

export const seqMoment = (seq: number): Moment => ({ kind: 'seq', seq });

/** That the trees of now and of all moments are the same after a restart and a rebuilt index. */
export async function assertLasting(store: TestStore): Promise<void> {
  const states = (): unknown => {
    const history = [];
    for (let seq = 0; seq <= store.seq; seq++) history.push(store.entries(seqMoment(seq)));
    return { now: store.entries(), history };
  };
  const before = states();
  for (const rebuild of [false, true]) {
    await store.reopen({ rebuild });
    assert.deepEqual(states(), before);
    assert.equal(store.damageCount, 0);
  }
}

export function rename(path: string, to: string): Change {
  return { kind: 'rename', path, to };
}

export function remove(path: string): Change {
  return { kind: 'remove', path, recursive: true };
}
