import assert from 'node:assert/strict';
import { bytesEqual } from '../../src/base/bytes.ts';
import { decodeCommit } from '../../src/format/commit.ts';
import { type ChainState, verifyCommit } from '../../src/format/volume-chain.ts';
import type { OpenedFileSystem } from '../../src/fs/open.ts';

/** The volume's commits are sound, and lead through all signed notes that were seen, by their count of records. */
export async function checkHistory(
  { fs }: Pick<OpenedFileSystem, 'fs'>,
  name: Uint8Array,
  checkpoints: ReadonlyMap<number, Uint8Array>,
): Promise<void> {
  let state: ChainState | undefined;
  const seen = new Map(checkpoints);
  for (const bytes of await fs.commits(name, { seq: 0, limit: 100_000 })) {
    const commit = decodeCommit(bytes);
    state = verifyCommit(state, commit);
    const remembered = seen.get(state.count);
    seen.delete(state.count);
    if (remembered !== undefined)
      assert(bytesEqual(remembered, commit.checkpoint), 'history changed');
  }
  const gone = [...seen.keys()].join();
  assert.equal(seen.size, 0, `a checkpoint of ${gone} records was seen and is gone`);
}

/** Everything that the store says, as text. */
export function describeStore(
  { fs, system }: Pick<OpenedFileSystem, 'fs' | 'system'>,
  names: Iterable<string>,
): string {
  const volumes = fs.listVolumes().map((info) => ({
    info,
    checkpoint: fs.checkpoint(info.name),
    entries: fs.list(info.name, '', { recursive: true, limit: 10_000 }).entries,
  }));
  const principals = [...names].map((name) => system.view.principal(name));
  return JSON.stringify({ volumes, principals }, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
