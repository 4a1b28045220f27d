import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALICE, openTestStore, type TestStore } from '../../test/support/store.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseCheckpoint } from '../format/checkpoint.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import { keyRange, StateProof } from '../format/state-proof.ts';
import { LEVEL } from './rights.ts';

const RIGHTS = { principal: 'alice', whole: LEVEL.read, nodes: new Map() };

async function makeMany(store: TestStore, first: number, count: number): Promise<void> {
  const size = LIMITS.batchChangesMax;
  for (let done = 0; done < count; done += size) {
    const paths = Array.from({ length: Math.min(size, count - done) }, (_, index) => {
      return `n-${first + done + index}`;
    });
    const changes = paths.map((path) => ({ kind: 'mkdir', path }) as const);
    await store.fs.apply(store.volume, { kind: 'many', changes }, ALICE);
  }
}

test('a past state is proven while others write, until too many names have changed since', async () => {
  await using store = await openTestStore();
  const { fs, proofs, volume } = store;
  await makeMany(store, 0, 10);
  const seq = fs.seqAt(volume);
  const prove = async (path: string): Promise<StateEvidence> => {
    const at = { kind: 'seq', seq } as const;
    return await proofs.evidence(volume, { path, since: 0, rights: RIGHTS, at });
  };
  const isThere = async (path: string): Promise<boolean> => {
    const { past, nodes } = await prove(path);
    assert(past !== undefined);
    const { state, count } = parseCheckpoint(past.checkpoint).checkpoint;
    assert(state !== undefined && count === seq + 1);
    return new StateProof(state, nodes).range(keyRange(0, path)).length === 1;
  };
  await fs.apply(volume, { kind: 'remove', path: 'n-3' }, ALICE);
  const writing = makeMany(store, 10, 5000);
  const found = await Promise.all(['n-3', 'n-4', 'n-10', 'n-4000'].map(isThere));
  assert.deepEqual(found, [true, true, false, false]);
  await writing;
  assert.deepEqual([await isThere('n-3'), await isThere('n-4000')], [true, false]);
  await makeMany(store, 5010, LIMITS.undoneNamesMax - 5000);
  await assert.rejects(
    prove('n-3'),
    (error) => isGdpfsError(error, 'bad_request') && /names have changed/.test(error.message),
  );
});
