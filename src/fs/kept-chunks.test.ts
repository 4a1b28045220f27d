/**
 * Random changes of a volume, while history is trimmed and states get names: what is marked to be kept is
 * what the kept states name, chunk by chunk, and nothing else.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { anyStep, assertMade, FIRST_STEPS, KeptWorld } from '../../test/support/kept-world.ts';
import { fc } from '../../test/support/property.ts';
import { openTestStore, type TestStore } from '../../test/support/store.ts';
import { formatDigest } from '../base/digest.ts';

const RUNS = 20;
const STEPS = { minLength: 30, maxLength: 50, size: 'max' } as const;

const done = new Map<string, number>();

async function openWorld(store: TestStore): Promise<KeptWorld> {
  const world = new KeptWorld(store, done);
  for (const step of FIRST_STEPS) await world.step(step);
  return world;
}

/** Trims all but the newest so many states. */
async function trim({ store, states }: KeptWorld, keep: number): Promise<void> {
  const seq = states.at(-keep)?.seq ?? 0;
  const value = { volume: store.volume, seq: BigInt(seq), timeMs: 0n };
  const records = [{ body: { case: 'trim', value } } as const];
  await store.system.change(() => ({ records, result: undefined }));
}

async function assertMarked(world: KeptWorld): Promise<void> {
  const { store, states } = world;
  const marked = new Set<string>();
  const add = (_: number, digest: Uint8Array): void => void marked.add(formatDigest(digest));
  const { spared } = await store.collection.note({ add });
  assert.deepEqual(spared, []);
  const kept = world.kept(store.system.view.trimSeq(store.volume));
  const expected = new Set(kept.flatMap(({ digests }) => [...digests]));
  assert.deepEqual([...marked].sort(), [...expected].sort());
  const all = new Set(states.flatMap(({ digests }) => [...digests]));
  world.count('kept', expected.size);
  world.count('dropped', all.size - expected.size);
}

describe('what is kept', () => {
  it('are the chunks of each version of a log that many versions share', async () => {
    await using store = await openTestStore();
    const world = await openWorld(store);
    const places = [{ chunk: 1, inside: false }, { chunk: 0, inside: false }, { behindEnd: 0 }];
    for (let round = 0; round < 12; round += 1) {
      const where = places[round % places.length] ?? { behindEnd: 0 };
      const path = { literal: 'b' };
      await world.step({ extension: { path, where, text: `${round}`, isStale: false } });
      await assertMarked(world);
    }
    for (const keep of [9, 4, 2, 1]) {
      await trim(world, keep);
      await assertMarked(world);
    }
  });

  it('are not the chunks of what a named state does not show, since its directory was away', async () => {
    await using store = await openTestStore();
    const world = await openWorld(store);
    const literal = 'a/b/c';
    await world.step({ change: { kind: 'remove', path: { literal: 'a' }, recursive: true } });
    await world.step({ name: 0 });
    await world.step({ change: { kind: 'restore', path: { literal: 'a' }, at: { state: 3 } } });
    const put = { kind: 'put', path: { literal }, pieces: ['other'], parents: false } as const;
    await world.step({ change: put });
    assert.deepEqual([...(world.states.at(-1)?.contents.keys() ?? [])], [literal, 'b']);
    await trim(world, 1);
    await assertMarked(world);
    await world.step({ change: { kind: 'remove', path: { literal: 'a' }, recursive: true } });
    await world.step({ name: 0 });
    await trim(world, 1);
    await assertMarked(world);
  });

  it('are the chunks of all states from the trim point on, and of named ones, and no others', async () => {
    const anySteps = fc.array(
      fc.record({ step: anyStep, keep: fc.integer({ min: -5, max: 25 }) }),
      STEPS,
    );
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        await using store = await openTestStore();
        const world = await openWorld(store);
        for (const [index, { step, keep }] of steps.entries()) {
          await world.step(step);
          if (index % 5 !== 4 || keep < 1) continue;
          await trim(world, keep);
          await assertMarked(world);
        }
        await store.reopen({ rebuild: true });
        await assertMarked(world);
      }),
      { numRuns: RUNS },
    );
    const changes = { put: 50, rename: 20, copy: 10, remove: 10, restore: 5, extend: 20, name: 20 };
    assertMade(done, { ...changes, kept: 500, dropped: 100 });
  });
});
