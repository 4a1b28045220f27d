import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALICE, openTestStore, type TestStore } from '../../test/support/store.ts';
import { utf8Encode } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import { fsckStore } from './fsck.ts';

/** Changes one byte of a chunk where it lies. */
function damage(directory: string, text: string): void {
  const folder = join(directory, 'segments');
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf(text);
    if (at < 0) continue;
    bytes[at] = 0;
    writeFileSync(join(folder, name), bytes);
    return;
  }
  assert.fail(`"${text}" is not there`);
}

/** What fsck says is lost of a copy in which all these chunks are damaged, and how much was trimmed. */
async function lostOf(
  store: TestStore,
  texts: readonly string[],
): Promise<{ lost: string[]; trimmed: number }> {
  await store.reopen();
  const directory = `${store.directory}-damaged`;
  cpSync(store.directory, directory, { recursive: true });
  for (const text of texts) damage(directory, text);
  const { problems, trimmed } = await fsckStore({ directory });
  rmSync(directory, { recursive: true });
  const lost = problems.flatMap(({ what }) => /^chunk (\S+) .* not stored$/.exec(what)?.[1] ?? []);
  return { lost: lost.sort(), trimmed };
}

const TEXTS = ['trimmed-one', 'snapshot-two', 'removed-three', 'now-four', 'hidden-five'];

test('a chunk that is missing is lost if a kept state names it, and trimmed otherwise', async () => {
  await using store = await openTestStore();
  await store.apply({ kind: 'mkdir', path: 'd' });
  await store.put('d/hidden', 'hidden-five');
  await store.apply({ kind: 'remove', path: 'd', recursive: true });
  await store.put('a', 'trimmed-one');
  await store.put('a', 'snapshot-two');
  await store.policies.change(store.volume, { kind: 'snapshot', name: 's' }, ALICE);
  await store.put('a', 'now-four');
  await store.put('b', 'removed-three');
  const { seq } = store;
  await store.apply({ kind: 'remove', path: 'b' });
  const digests = (texts: string[]): string[] =>
    texts.map((text) => formatDigest(sha256(utf8Encode(text)))).sort();
  assert.deepEqual(await lostOf(store, TEXTS), { lost: digests(TEXTS), trimmed: 0 });
  const value = { volume: store.volume, seq: BigInt(seq), timeMs: 0n };
  await store.system.change(() => ({
    records: [{ body: { case: 'trim', value } }],
    result: undefined,
  }));
  const kept = ['snapshot-two', 'removed-three', 'now-four'];
  assert.deepEqual(await lostOf(store, TEXTS), { lost: digests(kept), trimmed: 2 });
  await store.fs.removeVolume(store.volume, { force: true }, ALICE);
  assert.deepEqual(await lostOf(store, TEXTS), { lost: [], trimmed: 5 });
});
