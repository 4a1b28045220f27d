import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertLasting, remove, rename } from '../../test/support/folding.ts';
import { openTestStore, outcome } from '../../test/support/store.ts';
import type { Change } from './types.ts';

describe('a change of many parts', () => {
  it('finds things where the parts before have put them', async () => {
    await using store = await openTestStore();
    const put = async (path: string, text: string): Promise<Change> => ({
      kind: 'put',
      path,
      file: await store.content(text),
    });
    const { seq } = store;
    const result = await store.apply({
      kind: 'many',
      changes: [
        { kind: 'mkdir', path: 'a' },
        await put('a/f', 'one'),
        rename('a', 'b'),
        await put('b/g', 'two'),
        { kind: 'mkdir', path: 'a' },
        await put('a/f', 'three'),
        remove('b'),
        { kind: 'mkdir', path: 'b/c', parents: true },
        await put('b/g', 'four'),
      ],
    });
    assert.equal(result.count, 10);
    assert.equal(result.seq, seq + 10);
    assert.deepEqual(store.paths(), ['a/', 'a/f', 'b/', 'b/c/', 'b/g']);
    assert.equal(await store.text('a/f'), 'three');
    assert.equal(await store.text('b/g'), 'four');
    await assertLasting(store);
  });

  it('is refused as a whole if one part is', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one');
    const { seq } = store;
    const changes: Change[] = [{ kind: 'mkdir', path: 'd' }, rename('f', 'd/f'), remove('nothing')];
    assert.equal(await outcome(store.apply({ kind: 'many', changes })), 'not_found');
    assert.equal(store.seq, seq);
    assert.deepEqual(store.paths(), ['f']);
    assert.deepEqual(await store.apply({ kind: 'many', changes: [] }), { seq, node: 0, count: 0 });
    await assertLasting(store);
  });
});
