/** Many clients change one volume at the same time: all is serialized, nothing is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ALICE, fileOf, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { bytesEqual, hexEncode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { decodeCommit } from '../format/commit.ts';
import { checkPins, type FileLogRecords } from '../format/file-pins.ts';
import { type ChainState, verifyCommit } from '../format/volume-chain.ts';

/** Checks the volume as a stranger would: links, signatures, roots, what dentries say of files. */
async function verifyVolume(
  store: TestStore,
  volume: Uint8Array = store.volume,
): Promise<{ readonly commits: number; readonly records: number }> {
  const records = new Map<string, Uint8Array[]>();
  const logs: FileLogRecords = {
    read: (log) => records.get(hexEncode(log)) ?? [],
    append(log, more) {
      records.set(hexEncode(log), [...this.read(log), ...more]);
    },
  };
  let state: ChainState | undefined;
  let checkpoint = new Uint8Array(0);
  let commits = 0;
  for (;;) {
    const page = await store.fs.commits(volume, { seq: state?.count ?? 0, limit: 7 });
    if (page.length === 0) break;
    for (const bytes of page) {
      const commit = decodeCommit(bytes);
      state = verifyCommit(state, commit);
      checkPins(commit, logs);
      checkpoint = new Uint8Array(commit.checkpoint);
      commits += 1;
    }
  }
  assert(state !== undefined, 'the volume has commits');
  assert(bytesEqual(state.name, volume));
  assert(bytesEqual(checkpoint, store.fs.checkpoint(volume)), 'the newest checkpoint covers all');
  await store.checkClosed();
  return { commits, records: state.count };
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}

/** Appends until nobody else was faster; returns the times that somebody was. */
async function appendRetrying(store: TestStore, path: string, text: string): Promise<number> {
  for (let conflicts = 0; ; conflicts++) {
    try {
      await store.append(path, text);
      return conflicts;
    } catch (error) {
      if (!isGdpfsError(error, 'changed')) throw error;
    }
  }
}

describe('concurrent changes', () => {
  it('group into commits, each of them verifiable, and every acknowledged change is there', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'mkdir', path: 'd' });
    const before = await verifyVolume(store);
    const files = await Promise.all(
      range(300).map(async (client) => store.content(`from ${client}`)),
    );
    const results = await Promise.all(
      files.map(async (file, client) => store.apply({ kind: 'put', path: `d/${client}`, file })),
    );
    const check = async (): Promise<void> => {
      assert.equal(store.entries().length, 301);
      for (const client of range(300)) {
        assert.equal(await store.text(`d/${client}`), `from ${client}`);
        assert.equal(store.stat(`d/${client}`).seq, results[client]?.seq);
      }
    };
    await check();
    assert.equal(new Set(results.map(({ seq }) => seq)).size, 300);
    const { commits, records } = await verifyVolume(store);
    assert.equal(records, before.records + 300);
    const added = commits - before.commits;
    assert.ok(added <= 10, `300 changes took ${added} commits`);
    await store.reopen({ rebuild: true });
    await check();
    assert.deepEqual(await verifyVolume(store), { commits, records });
  });

  it('create the same file only once if it must be absent', async () => {
    await using store = await openTestStore();
    const outcomes = await Promise.all(
      range(50).map(async (client) =>
        outcome(store.put('f', `from ${client}`, { precondition: { absent: true } })),
      ),
    );
    const winner = outcomes.indexOf('ok');
    assert.equal(outcomes.filter((code) => code === 'ok').length, 1);
    assert.equal(outcomes.filter((code) => code === 'exists').length, 49);
    assert.equal(await store.text('f'), `from ${winner}`);
    await verifyVolume(store);
  });

  it('replace the same content only once', async () => {
    await using store = await openTestStore();
    await store.put('f', 'old');
    const { content } = fileOf(store.stat('f'));
    const outcomes = await Promise.all(
      range(20).map(async (client) =>
        outcome(store.put('f', `from ${client}`, { precondition: { content } })),
      ),
    );
    assert.equal(outcomes.filter((code) => code === 'ok').length, 1);
    assert.equal(outcomes.filter((code) => code === 'changed').length, 19);
    assert.equal(await store.text('f'), `from ${outcomes.indexOf('ok')}`);
  });

  it('make missing parents once', async () => {
    await using store = await openTestStore();
    await Promise.all(
      range(40).map(async (client) => store.put(`a/b/c/${client}`, 'x', { parents: true })),
    );
    const names = (await store.dentriesFrom(0)).map(({ name }) => name);
    assert.equal(names.length, 43);
    assert.equal(store.entries().length, 43);
  });

  it('rename over each other in some order: the last one stays', async () => {
    await using store = await openTestStore();
    await Promise.all(range(50).map(async (client) => store.put(`s${client}`, `from ${client}`)));
    const results = await Promise.all(
      range(50).map(async (client) =>
        store.apply({ kind: 'rename', path: `s${client}`, to: 'target' }),
      ),
    );
    const last = results.findIndex(({ seq }) => seq === store.seq);
    assert.deepEqual(store.paths(), ['target']);
    assert.equal(await store.text('target'), `from ${last}`);
    await verifyVolume(store);
  });

  it('cannot put two directories into each other', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'mkdir', path: 'a' });
    await store.apply({ kind: 'mkdir', path: 'b' });
    const outcomes = await Promise.all([
      outcome(store.apply({ kind: 'rename', path: 'a', to: 'b/a' })),
      outcome(store.apply({ kind: 'rename', path: 'b', to: 'a/b' })),
    ]);
    assert.deepEqual(outcomes.toSorted(), ['not_found', 'ok']);
    assert.equal(store.entries().length, 2);
  });

  it('fill a directory or remove it, never both', async () => {
    await using store = await openTestStore();
    for (const round of range(10)) {
      await store.apply({ kind: 'mkdir', path: 'd' });
      const put = outcome(store.put('d/f', 'x'));
      const remove = outcome(store.apply({ kind: 'remove', path: 'd', only: 'directory' }));
      const codes = [await put, await remove];
      if (codes[0] === 'ok') {
        assert.deepEqual(codes, ['ok', 'not_empty'], `round ${round}`);
        await store.apply({ kind: 'remove', path: 'd', recursive: true });
      } else {
        assert.deepEqual(codes, ['not_found', 'ok'], `round ${round}`);
      }
      assert.deepEqual(store.paths(), []);
    }
  });

  it('append with If-Match: none is lost, and each client keeps its order', async () => {
    await using store = await openTestStore();
    await store.put('f', []);
    const conflicts = await Promise.all(
      range(8).map(async (client) => {
        let lost = 0;
        for (const turn of range(6))
          lost += await appendRetrying(store, 'f', `[${client}:${turn}]`);
        return lost;
      }),
    );
    assert.ok(Math.max(...conflicts) > 0, 'the clients were in the way of each other');
    const pieces: string[] = (await store.text('f')).match(/\[\d:\d\]/g) ?? [];
    assert.equal(pieces.join(''), await store.text('f'));
    assert.equal(pieces.length, 48);
    for (const client of range(8)) {
      const own: string[] = pieces.filter((piece) => piece.startsWith(`[${client}:`));
      assert.deepEqual(
        own,
        range(6).map((turn) => `[${client}:${turn}]`),
      );
    }
    await verifyVolume(store);
  });

  it('append to copies that share a log: each gets its own bytes', async () => {
    await using store = await openTestStore();
    await store.put('0', 'base ');
    for (const copy of range(9)) {
      await store.apply({ kind: 'copy', path: '0', to: String(copy + 1) });
    }
    await Promise.all(range(10).map(async (copy) => store.append(String(copy), `to ${copy}`)));
    const check = async (): Promise<void> => {
      for (const copy of range(10)) assert.equal(await store.text(String(copy)), `base to ${copy}`);
    };
    await check();
    const logs = range(10).map((copy) => hexEncode(fileOf(store.stat(String(copy))).log));
    assert.equal(new Set(logs).size, 10);
    await verifyVolume(store);
    await store.reopen({ rebuild: true });
    await check();
  });

  it('truncate and append in some order, all versions readable', async () => {
    await using store = await openTestStore();
    await store.put('f', ['abcd', 'efgh']);
    const first = store.seq;
    // A truncation to the same size leaves the content as it is, so that both may win.
    await Promise.all([
      ...range(2).map(async () => store.truncate('f', 8)),
      ...range(3).map(async (client) => appendRetrying(store, 'f', String(client))),
      ...range(2).map(async () => store.truncate('f', 6)),
    ]);
    for (let seq = first; seq <= store.seq; seq++) {
      assert.match(await store.text('f', { kind: 'seq', seq }), /^abcdef(gh)?[0-2.]*$/);
    }
    await verifyVolume(store);
  });

  it('are seen whole or not at all', async () => {
    await using store = await openTestStore();
    await store.put('a', 'one');
    await store.put('b', 'two');
    let isDone = false;
    let looks = 0;
    const look = async (): Promise<void> => {
      while (!isDone) {
        assert.deepEqual(store.paths(), ['a', 'b']);
        looks += 1;
        await setImmediate();
      }
    };
    const swap = async (): Promise<void> => {
      for (const _ of range(20)) {
        await store.apply({
          kind: 'many',
          changes: [
            { kind: 'rename', path: 'a', to: 'c' },
            { kind: 'rename', path: 'b', to: 'a' },
            { kind: 'rename', path: 'c', to: 'b' },
          ],
        });
      }
      isDone = true;
    };
    await Promise.all([look(), swap()]);
    assert.ok(looks > 20);
    assert.equal(await store.text('a'), 'one');
  });

  it('on two volumes do not mix', async () => {
    await using store = await openTestStore();
    const other = await store.fs.createVolume(
      { alias: 'other', owner: 'bob', chunking: 'fixed' },
      ALICE,
    );
    await Promise.all(
      range(40).map(async (client) => {
        const volume = client % 2 === 0 ? store.volume : other.name;
        await store.fs.apply(volume, { kind: 'mkdir', path: String(client) }, ALICE);
      }),
    );
    const even = range(40).filter((client) => client % 2 === 0);
    assert.deepEqual(store.paths(), even.map((client) => `${client}/`).toSorted());
    const options = { recursive: true, limit: 100 };
    assert.equal(store.fs.list(other.name, '', options).entries.length, 20);
    await verifyVolume(store);
    await verifyVolume(store, other.name);
  });

  it('extend a file twice in one change: refused, for each must continue what is committed', async () => {
    await using store = await openTestStore();
    await store.put('f', 'base');
    await store.put('both', ['base', 'one']);
    const extend = async (offset: number, text: string, content: Uint8Array) =>
      ({
        kind: 'extend',
        path: 'f',
        file: { records: await store.fchunks(offset, [text]) },
        precondition: { content },
      }) as const;
    // Each names the content that it would find.
    const changes = [
      await extend(4, 'one', fileOf(store.stat('f')).content),
      await extend(7, 'two', fileOf(store.stat('both')).content),
    ];
    assert.equal(await outcome(store.apply({ kind: 'many', changes })), 'changed');
    assert.equal(await store.text('f'), 'base');
  });
});
