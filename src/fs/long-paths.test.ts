import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { remove, rename, seqMoment } from '../../test/support/folding.ts';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { LIMITS } from '../base/limits.ts';

const { pathDepthMax, pathBytesMax } = LIMITS;

/** A path of so many levels. */
const deep = (levels: number, name = 'd'): string => Array(levels).fill(name).join('/');

/** That the change is refused, and nothing of it is there. */
async function refused(store: TestStore, change: Parameters<TestStore['apply']>[0]): Promise<void> {
  const { seq } = store;
  assert.equal(await outcome(store.apply(change)), 'name_too_long');
  assert.equal(store.seq, seq);
}

/** Every path that there is can be asked for. */
function assertReachable(store: TestStore): void {
  for (const { path } of store.entries()) assert.equal(store.stat(path).path, path);
}

describe('a path that would be too long', () => {
  it('does not come from a move, as deep and as long as it may be does', async () => {
    await using store = await openTestStore();
    const above = pathDepthMax - 9;
    await store.apply({ kind: 'mkdir', path: deep(above), parents: true });
    await store.apply({ kind: 'mkdir', path: deep(10, 'x'), parents: true });
    await refused(store, rename('x', `${deep(above)}/x`));
    await store.apply(rename('x', `${deep(above - 1)}/x`));
    await refused(store, rename(`${deep(above - 1)}/x`, `${deep(above)}/x`));

    const long = 'n'.repeat(LIMITS.nameBytesMax);
    const levels = Math.floor(pathBytesMax / (long.length + 1)) - 1;
    // Two bytes each.
    const tail = '\u00e9'.repeat(100);
    await store.apply({ kind: 'mkdir', path: `m/${deep(levels, long)}/${tail}`, parents: true });
    const room = pathBytesMax - Buffer.byteLength(`/${deep(levels, long)}/${tail}`);
    await refused(store, rename('m', 'm'.repeat(room + 1)));
    await store.apply(rename('m', 'm'.repeat(room)));
    await store.apply(rename('m'.repeat(room), 'm'));
    assertReachable(store);
  });

  it('does not come from a copy, a path that was joined, or something that comes back', async () => {
    await using store = await openTestStore();
    const above = pathDepthMax - 9;
    await store.apply({ kind: 'mkdir', path: deep(above), parents: true });
    await store.apply({ kind: 'mkdir', path: deep(10, 'x'), parents: true });
    const copy = { kind: 'copy', path: 'x', recursive: true } as const;
    await refused(store, { ...copy, to: `${deep(above)}/x` });
    await store.apply({ ...copy, to: `${deep(above - 1)}/x` });

    await refused(store, { kind: 'mkdir', path: deep(pathDepthMax + 1, 'new'), parents: true });
    const file = await store.content('one');
    const path = `${deep(pathDepthMax, 'new')}/f`;
    await refused(store, { kind: 'put', path, file, parents: true });

    // It was there while there was little below it.
    await store.apply({ kind: 'mkdir', path: `${deep(above)}/y` });
    const then = seqMoment(store.seq);
    await store.apply(rename(`${deep(above)}/y`, 'y'));
    await store.apply({ kind: 'mkdir', path: `y/${deep(10, 'z')}`, parents: true });
    await store.apply(remove('y'));
    await refused(store, { kind: 'restore', path: `${deep(above)}/y`, at: then });
    assertReachable(store);
  });
});
