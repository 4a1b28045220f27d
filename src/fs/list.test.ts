import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import type { Change, Entry, Moment } from './types.ts';

/** More names in a directory than a recursive walk fetches at a time. */
const MANY = 600;

describe('list()', () => {
  let store: TestStore;
  /** Names whose order differs by UTF-8 bytes, by UTF-16 units, and with a slash behind them. */
  const odd = ['Z', 'a', 'a!', 'a-b', 'a0', 'é', '\uffee', '\u{1f600}'];

  before(async () => {
    store = await openTestStore();
    const names = [...Array(MANY).keys()].map((index) => `f${String(index).padStart(4, '0')}`);
    const inMany: Change[] = names.map((name) => ({
      kind: 'symlink',
      path: `many/${name}`,
      target: 'x',
    }));
    const inOdd: Change[] = odd.flatMap((name) => [
      { kind: 'mkdir', path: `odd/${name}/below`, parents: true },
      { kind: 'symlink', path: `odd/${name}/${name}`, target: 'x' },
    ]);
    const directory: Change = { kind: 'mkdir', path: 'many' };
    await store.apply({ kind: 'many', changes: [directory, ...inMany, ...inOdd] });
  });

  after(async () => {
    await store[Symbol.asyncDispose]();
  });

  /** All pages of a listing, one behind the other. */
  function paged(
    path: string,
    options: { readonly recursive: boolean; readonly limit: number; readonly at?: Moment },
  ): Entry[] {
    const entries: Entry[] = [];
    let next: string | undefined;
    do {
      const page = store.fs.list(store.volume, path, {
        ...options,
        ...(next === undefined ? {} : { after: next }),
      });
      assert.ok(page.entries.length <= options.limit);
      entries.push(...page.entries);
      next = page.next;
    } while (next !== undefined);
    return entries;
  }

  const pathsOf = (entries: readonly Entry[]): string[] => entries.map(({ path }) => path);

  it('gives children in the order of the bytes of their names', () => {
    const { entries, next } = store.fs.list(store.volume, 'odd', { recursive: false, limit: 100 });
    assert.deepEqual(
      pathsOf(entries),
      odd.map((name) => `odd/${name}`),
    );
    assert.equal(next, undefined);
  });

  it('gives a directory before what is in it, and that before the next name', () => {
    const { entries } = store.fs.list(store.volume, 'odd', { recursive: true, limit: 100 });
    const expected = odd.flatMap((name) => {
      const below = [name, 'below'].toSorted((left, right) =>
        Buffer.compare(Buffer.from(left), Buffer.from(right)),
      );
      return [`odd/${name}`, ...below.map((child) => `odd/${name}/${child}`)];
    });
    assert.deepEqual(pathsOf(entries), expected);
  });

  it('finds the same entries by their names, in the order asked for, as it lists', () => {
    for (const path of ['', 'odd', 'many']) {
      const whole = paged(path, { recursive: true, limit: 10_000 });
      const below = new Map(
        whole.map((entry) => [path === '' ? entry.path : entry.path.slice(path.length + 1), entry]),
      );
      const names = [...below.keys()];
      const gaps = names.flatMap((name, at) => (at % 3 === 0 ? [name, `${name}-none`] : []));
      for (const paths of [
        names,
        names.toReversed(),
        gaps,
        names.slice(3, 5),
        ['none/x', 'none'],
      ]) {
        const found = store.fs.find(store.volume, path, { paths });
        assert.deepEqual(
          found,
          paths.flatMap((name) => below.get(name) ?? []),
        );
      }
    }
  });

  for (const path of ['', 'odd', 'many']) {
    for (const recursive of [false, true]) {
      const how = recursive ? 'recursive' : 'plain';
      it(`gives the same in pages of any size: ${how}, of "${path}"`, () => {
        const whole = paged(path, { recursive, limit: 10_000 });
        for (const limit of [1, 7, 255, 256, 257, whole.length]) {
          assert.deepEqual(paged(path, { recursive, limit }), whole, `limit ${limit}`);
        }
      });
    }
  }

  for (const recursive of [false, true]) {
    it(`names no further page behind the last entry: ${recursive ? 'recursive' : 'plain'}`, () => {
      const limit = paged('odd', { recursive, limit: 10_000 }).length;
      const { entries, next } = store.fs.list(store.volume, 'odd', { recursive, limit });
      assert.deepEqual([entries.length, next], [limit, undefined]);
      assert(store.fs.list(store.volume, 'odd', { recursive, limit: limit - 1 }).next);
    });
  }

  it('goes on behind a name that is gone, and pages of one moment fit together', async () => {
    await using own = await openTestStore();
    for (const name of ['a', 'b', 'c', 'd']) await own.put(`${name}/f`, name, { parents: true });
    const first = own.fs.list(own.volume, '', { recursive: true, limit: 3 });
    assert.deepEqual(pathsOf(first.entries), ['a', 'a/f', 'b']);
    assert.equal(first.next, 'b');
    await own.apply({ kind: 'remove', path: 'b', recursive: true });
    await own.put('b', 'a file now');
    const behind = { recursive: true, limit: 10, after: 'b/f' };
    const live = own.fs.list(own.volume, '', behind);
    assert.deepEqual(pathsOf(live.entries), ['c', 'c/f', 'd', 'd/f']);
    const at: Moment = { kind: 'seq', seq: first.seq };
    const then = own.fs.list(own.volume, '', { ...behind, after: 'b', at });
    assert.deepEqual(pathsOf(then.entries), ['b/f', 'c', 'c/f', 'd', 'd/f']);
    assert.equal(then.seq, first.seq);
  });

  it('refuses what is no directory, and moments that are not', async () => {
    await using own = await openTestStore();
    await own.put('f', 'x');
    const list = async (path: string, at?: Moment) =>
      outcome(
        Promise.resolve().then(() =>
          own.fs.list(own.volume, path, {
            recursive: false,
            limit: 1,
            ...(at === undefined ? {} : { at }),
          }),
        ),
      );
    assert.equal(await list('f'), 'not_a_directory');
    assert.equal(await list('nothing'), 'not_found');
    assert.equal(await list('', { kind: 'seq', seq: own.seq + 1 }), 'bad_request');
    assert.equal(await list('', { kind: 'seq', seq: -1 }), 'not_found');
    assert.equal(await list('', { kind: 'time', timeMs: own.clock.now() - 1 }), 'not_found');
    assert.equal(await list('', { kind: 'time', timeMs: own.clock.now() + 1e9 }), 'ok');
    assert.equal(await list('f', { kind: 'seq', seq: own.seq - 1 }), 'not_found');
  });
});
