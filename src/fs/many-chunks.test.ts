import assert from 'node:assert/strict';
import { it } from 'node:test';
import { encodeFchunk } from '../format/records.ts';
import { newMeta, openTestStore } from '../../test/support/store.ts';

const CHUNKS = 200_000;

it('a file of 200,000 chunks in one commit can be read back, also after the index was lost', async () => {
  await using store = await openTestStore();
  const [fchunk] = await store.fchunks(0, ['x']);
  assert(fchunk !== undefined);
  await store.put('one', 'x');
  const [chunk] = await store.manifest('one');
  assert(chunk !== undefined);
  const records = [newMeta()];
  for (let offset = 0; offset < CHUNKS; offset += 1) {
    records.push(encodeFchunk({ ...chunk, offset }));
  }
  await store.apply({ kind: 'put', path: 'many', file: { records } });
  for (const rebuild of [false, true]) {
    await store.reopen({ rebuild });
    const manifest = await store.manifest('many');
    assert.equal(manifest.length, CHUNKS);
    assert.equal(store.stat('many').size, CHUNKS);
  }
});
