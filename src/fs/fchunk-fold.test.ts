/** One test for each row of "From fchunks to content" in docs/formats.md, which names them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seqMoment } from '../../test/support/folding.ts';
import { fileOf, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { encodeFchunk, encodeRecord } from '../format/records.ts';

describe('fold of fchunks', () => {
  /** What the one chunk of `text` at `offset` says, stored and as a record. */
  const chunk = async (store: TestStore, offset: number, text: string): Promise<Uint8Array[]> =>
    store.fchunks(offset, [text]);

  /** A record of length 0. */
  const end = (offset: number): Uint8Array[] => [
    encodeFchunk({ offset, length: 0, checksum: 0, digest: new Uint8Array(0) }),
  ];

  /** A file of the chunks `abcd`, `efgh`, `ij`. */
  async function openWithFile(): Promise<TestStore> {
    const store = await openTestStore();
    await store.put('f', ['abcd', 'efgh', 'ij']);
    return store;
  }

  /** `offset+length` of each live chunk. */
  async function layout(store: TestStore, path = 'f'): Promise<string[]> {
    const chunks = await store.manifest(path);
    return chunks.map(({ offset, length }) => `${offset}+${length}`);
  }

  /** That the file says the same after a restart and a rebuilt index. */
  async function assertText(store: TestStore, text: string, chunks: string[]): Promise<void> {
    for (const reopen of [undefined, { rebuild: false }, { rebuild: true }]) {
      if (reopen !== undefined) await store.reopen(reopen);
      assert.equal(await store.text('f'), text);
      assert.equal(store.stat('f').size, text.length);
      assert.deepEqual(await layout(store), chunks);
    }
  }

  it('no fchunk: an empty file', async () => {
    await using store = await openTestStore();
    await store.put('f', []);
    await assertText(store, '', []);
  });

  it('at the end: appends', async () => {
    await using store = await openWithFile();
    await store.extend('f', await chunk(store, 10, 'kl'));
    await assertText(store, 'abcdefghijkl', ['0+4', '4+4', '8+2', '10+2']);
  });

  it('at a boundary: replaces all that is behind it', async () => {
    await using store = await openWithFile();
    await store.extend('f', await chunk(store, 4, 'XY'));
    await assertText(store, 'abcdXY', ['0+4', '4+2']);
  });

  it('append to a short chunk: the chunk is written again, longer', async () => {
    await using store = await openWithFile();
    await store.extend('f', await chunk(store, 8, 'ijkl'));
    await assertText(store, 'abcdefghijkl', ['0+4', '4+4', '8+4']);
  });

  it('behind the end: leaves a hole that reads as zeros', async () => {
    await using store = await openWithFile();
    await store.extend('f', await chunk(store, 13, 'xy'));
    await assertText(store, 'abcdefghij...xy', ['0+4', '4+4', '8+2', '13+2']);
  });

  it('at the start of a file: a hole before the first chunk', async () => {
    await using store = await openTestStore();
    await store.put('f', [{ hole: 3 }, 'xy']);
    await assertText(store, '...xy', ['3+2']);
  });

  it('inside a hole: cuts the hole there', async () => {
    await using store = await openTestStore();
    await store.put('f', ['ab', { hole: 6 }, 'xy']);
    await store.extend('f', await chunk(store, 4, 'Z'));
    await assertText(store, 'ab..Z', ['0+2', '4+1']);
  });

  it('length 0 at a boundary: truncates', async () => {
    await using store = await openWithFile();
    await store.extend('f', end(4));
    await assertText(store, 'abcd', ['0+4']);
  });

  it('length 0 at 0: empties the file', async () => {
    await using store = await openWithFile();
    await store.extend('f', end(0));
    await assertText(store, '', []);
    await store.put('empty', []);
    assert.deepEqual(fileOf(store.stat('f')).content, fileOf(store.stat('empty')).content);
  });

  it('length 0 at the end: changes nothing', async () => {
    await using store = await openWithFile();
    const { content } = fileOf(store.stat('f'));
    await store.extend('f', end(10));
    assert.deepEqual(fileOf(store.stat('f')).content, content);
    await assertText(store, 'abcdefghij', ['0+4', '4+4', '8+2']);
  });

  it('length 0 behind the end: a hole at the end, which the content root tells apart', async () => {
    await using store = await openWithFile();
    const { content } = fileOf(store.stat('f'));
    await store.extend('f', end(12));
    assert.notDeepEqual(fileOf(store.stat('f')).content, content);
    await assertText(store, 'abcdefghij..', ['0+4', '4+4', '8+2']);
  });

  it('append after a hole: the hole stays', async () => {
    await using store = await openWithFile();
    await store.extend('f', end(12));
    await store.append('f', 'kl');
    await assertText(store, 'abcdefghij..kl', ['0+4', '4+4', '8+2', '12+2']);
  });

  it('inside a chunk: refused, and the file stays as it was', async () => {
    await using store = await openWithFile();
    const { seq } = store;
    for (const records of [await chunk(store, 6, 'X'), end(1)]) {
      assert.equal(await outcome(store.extend('f', records)), 'bad_request');
    }
    assert.equal(store.seq, seq);
    await assertText(store, 'abcdefghij', ['0+4', '4+4', '8+2']);
  });

  it('truncation inside a chunk: the chunk is written again, shorter', async () => {
    await using store = await openWithFile();
    const { seq } = store;
    await store.truncate('f', 6);
    assert.equal(await store.text('f', seqMoment(seq)), 'abcdefghij');
    await assertText(store, 'abcdef', ['0+4', '4+2']);
  });

  it('truncation at a boundary, at the end, to nothing and beyond the end', async () => {
    await using store = await openWithFile();
    await store.truncate('f', 10);
    assert.deepEqual(await layout(store), ['0+4', '4+4', '8+2']);
    await store.truncate('f', 8);
    assert.deepEqual(await layout(store), ['0+4', '4+4']);
    await store.truncate('f', 11);
    await assertText(store, 'abcdefgh...', ['0+4', '4+4']);
    await store.truncate('f', 9);
    await assertText(store, 'abcdefgh.', ['0+4', '4+4']);
    await store.truncate('f', 0);
    await assertText(store, '', []);
  });

  it('a record that is not an fchunk, or a chunk that is not stored: refused', async () => {
    await using store = await openWithFile();
    const { seq } = store;
    const dentry = encodeRecord({ case: 'dentry', value: { name: 'x' } });
    const { records } = await store.content('x');
    const lost = { offset: 10, length: 1, checksum: 0, digest: new Uint8Array(32) };
    assert.equal(await outcome(store.extend('f', [dentry])), 'bad_request');
    assert.equal(await outcome(store.extend('f', records)), 'bad_request');
    assert.equal(await outcome(store.extend('f', [])), 'bad_request');
    assert.equal(await outcome(store.extend('f', [encodeFchunk(lost)])), 'chunk_missing');
    assert.equal(store.seq, seq);
  });

  it('append to a copy: the copy gets a log of its own, the original stays', async () => {
    await using store = await openWithFile();
    await store.apply({ kind: 'copy', path: 'f', to: 'g' });
    const { log } = fileOf(store.stat('f'));
    await store.append('g', 'first in the shared log');
    await store.append('f', '!');
    assert.equal(await store.text('g'), 'abcdefghijfirst in the shared log');
    assert.notDeepEqual(fileOf(store.stat('f')).log, fileOf(store.stat('g')).log);
    assert.deepEqual(fileOf(store.stat('g')).log, log);
    await assertText(store, 'abcdefghij!', ['0+4', '4+4', '8+2', '10+1']);
  });

  it('append to a restored version: a log of its own, the newer version stays readable', async () => {
    await using store = await openWithFile();
    const { seq } = store;
    await store.append('f', 'newer');
    const newer = store.seq;
    await store.apply({ kind: 'restore', path: 'f', at: seqMoment(seq) });
    await store.append('f', '?');
    assert.equal(await store.text('f', seqMoment(newer)), 'abcdefghijnewer');
    await assertText(store, 'abcdefghij?', ['0+4', '4+4', '8+2', '10+1']);
  });

  it('a new file on the log of another: refused, a log is written once', async () => {
    await using store = await openTestStore();
    const file = await store.content('one');
    await store.apply({ kind: 'put', path: 'f', file });
    const [meta] = file.records;
    assert(meta !== undefined);
    const other = { records: [meta, ...(await chunk(store, 0, 'two'))] };
    for (const path of ['f', 'g']) {
      assert.equal(await outcome(store.apply({ kind: 'put', path, file: other })), 'bad_request');
    }
    await assertText(store, 'one', ['0+3']);
  });
});
