/** A request id has one effect and one answer, whatever happens between the repeats. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALICE, fileOf, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { utf8Encode } from '../base/bytes.ts';
import type { Change, ChangeContext } from './types.ts';

/** A request of alice, or `author`; `asked` stands for what the fingerprint is taken over. */
function request(id: string, asked = id, author = 'alice'): ChangeContext {
  return { author, request: { id, fingerprint: sha256(utf8Encode(asked)) } };
}

const MKDIR: Change = { kind: 'mkdir', path: 'd' };

async function repeatsEverywhere(
  store: TestStore,
  check: (when: string) => Promise<void>,
): Promise<void> {
  await check('at once');
  await store.reopen();
  await check('after a restart');
  await store.reopen({ rebuild: true });
  await check('after the index was rebuilt');
}

describe('a repeated request', () => {
  it('gets the first answer and changes nothing, also after a restart and a rebuilt index', async () => {
    await using store = await openTestStore();
    const first = await store.apply(MKDIR, request('r'));
    await store.apply({ kind: 'mkdir', path: 'other' });
    const { seq } = store;
    await repeatsEverywhere(store, async (when) => {
      assert.deepEqual(await store.apply(MKDIR, request('r')), first, when);
      assert.equal(store.seq, seq, when);
    });
  });

  it('gets the first answer in the same batch', async () => {
    await using store = await openTestStore();
    const { seq } = store;
    const results = await Promise.all(
      Array.from({ length: 5 }, async () => store.apply(MKDIR, request('r'))),
    );
    assert.equal(store.seq, seq + 1);
    for (const result of results) assert.deepEqual(result, results[0]);
  });

  it('has no effect even where the same change would have one now', async () => {
    await using store = await openTestStore();
    await store.apply(MKDIR, request('r'));
    await store.apply({ kind: 'remove', path: 'd' });
    await repeatsEverywhere(store, async (when) => {
      await store.apply(MKDIR, request('r'));
      assert.deepEqual(store.paths(), [], when);
    });
  });

  it('gets the first answer though what it changed is gone', async () => {
    await using store = await openTestStore();
    await store.put('f', 'abcd');
    const extend: Change = {
      kind: 'extend',
      path: 'f',
      file: { records: await store.fchunks(4, ['efgh']) },
      precondition: { content: fileOf(store.stat('f')).content },
    };
    const truncate = async () =>
      store.fs.truncate(store.volume, { path: 'f', size: 6 }, request('truncate'));
    const extended = await store.apply(extend, request('extend'));
    const truncated = await truncate();
    await store.apply({ kind: 'remove', path: 'f' }, request('remove'));
    await repeatsEverywhere(store, async (when) => {
      assert.deepEqual(await store.apply(extend, request('extend')), extended, when);
      assert.deepEqual(await truncate(), truncated, when);
      const removed = await store.apply({ kind: 'remove', path: 'f' }, request('remove'));
      assert.equal(removed.count, 1, when);
      assert.deepEqual(store.paths(), [], when);
    });
  });

  it('appends once', async () => {
    await using store = await openTestStore();
    await store.put('f', 'abcd');
    const extend: Change = {
      kind: 'extend',
      path: 'f',
      file: { records: await store.fchunks(4, ['efgh']) },
      precondition: { content: fileOf(store.stat('f')).content },
    };
    const [first, second] = await Promise.all([
      store.apply(extend, request('r')),
      store.apply(extend, request('r')),
    ]);
    assert.deepEqual(first, second);
    assert.equal(await store.text('f'), 'abcdefgh');
  });

  it('truncates once, though others write in between', async () => {
    await using store = await openTestStore();
    await store.put('f', 'abcd');
    const truncate = async () =>
      store.fs.truncate(store.volume, { path: 'f', size: 2 }, request('r'));
    const first = await truncate();
    await store.append('f', 'XYZ');
    assert.deepEqual(await truncate(), first);
    assert.equal(await store.text('f'), 'abXYZ');
  });

  it('of a volume that was created gets that volume', async () => {
    await using store = await openTestStore();
    const options = { alias: 'new', owner: 'bob', chunking: 'fixed' } as const;
    const create = async () => store.fs.createVolume(options, request('r'));
    const { name } = await create();
    await repeatsEverywhere(store, async (when) => {
      assert.deepEqual((await create()).name, name, when);
      assert.equal(store.fs.listVolumes().length, 2, when);
    });
    await store.fs.apply(name, MKDIR, ALICE);
    assert.equal(await outcome(store.fs.createVolume(options, request('other'))), 'exists');
  });

  it('is forgotten after its time, also in a rebuilt index', async () => {
    await using store = await openTestStore();
    await store.apply(MKDIR, request('r'));
    store.clock.advance(LIMITS.requestResultKeepMs + 1);
    await store.reopen({ rebuild: true });
    assert.equal(await outcome(store.apply(MKDIR, request('r'))), 'exists');
  });
});

describe('a request id', () => {
  it('of another request is refused as reused', async () => {
    await using store = await openTestStore();
    await store.apply(MKDIR, request('r'));
    const { seq } = store;
    const other: Change = { kind: 'mkdir', path: 'e' };
    await repeatsEverywhere(store, async (when) => {
      const code = await outcome(store.apply(other, request('r', 'something else')));
      assert.equal(code, 'request_reused', when);
      assert.equal(store.seq, seq, when);
    });
  });

  it('of another request is refused as reused in the same batch', async () => {
    await using store = await openTestStore();
    const codes = await Promise.all([
      outcome(store.apply(MKDIR, request('r', 'one'))),
      outcome(store.apply({ kind: 'mkdir', path: 'e' }, request('r', 'two'))),
    ]);
    assert.deepEqual(codes, ['ok', 'request_reused']);
    assert.deepEqual(store.paths(), ['d/']);
  });

  it('belongs to its principal', async () => {
    await using store = await openTestStore();
    await store.apply(MKDIR, request('r'));
    await store.apply({ kind: 'mkdir', path: 'e' }, request('r', 'another', 'bob'));
    assert.deepEqual(store.paths(), ['d/', 'e/']);
  });

  it('of a refused request is free', async () => {
    await using store = await openTestStore();
    const put = async () => store.apply({ kind: 'mkdir', path: 'd/e' }, request('r'));
    assert.equal(await outcome(put()), 'not_found');
    await store.apply(MKDIR);
    const { node } = await put();
    assert.equal(store.stat('d/e').node, node);
    const refused = outcome(store.apply(MKDIR, request('again')));
    const other: Change = { kind: 'mkdir', path: 'f' };
    const accepted = outcome(store.apply(other, request('again', 'another')));
    assert.deepEqual([await refused, await accepted], ['exists', 'ok']);
  });

  it('of a request that found nothing to do is free', async () => {
    await using store = await openTestStore();
    await store.apply(MKDIR);
    const { seq } = store;
    const again = await store.apply({ ...MKDIR, parents: true }, request('r'));
    assert.deepEqual(again, { seq, node: store.stat('d').node, count: 0 });
    assert.equal(store.seq, seq);
    assert.equal(await outcome(store.apply({ kind: 'mkdir', path: 'e' }, request('r', 'e'))), 'ok');
  });
});

describe('the same file log, committed again under another request id,', () => {
  it('changes nothing while it is what stands there', async () => {
    await using store = await openTestStore();
    const file = await store.content('asdf');
    const put: Change = { kind: 'put', path: 'f', file };
    const first = await store.apply(put, request('first'));
    assert.deepEqual(await store.apply(put, request('second')), { ...first, count: 0 });
    assert.equal(store.seq, first.seq);
    await store.put('f', 'newer');
    assert.equal(await outcome(store.apply(put, request('third'))), 'bad_request');
    assert.equal(await store.text('f'), 'newer');
  });
});
