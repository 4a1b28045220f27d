/** Trees for volumes, and the way there. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../src/base/limits.ts';
import { copy } from '../../src/client/transfer.ts';
import { type TestClient, VOLUME } from './session.ts';

/** Directories with small files, a large one, links, and a directory that forbids writing. */
export function makeTree(root: string, count = 300): void {
  for (let index = 0; index < count; index += 1) {
    const directory = join(root, `d${index % 7}`, 'deep');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${index}`), randomBytes(100 + index));
  }
  writeFileSync(join(root, 'd0', 'large'), randomBytes(3 * LIMITS.chunkBytesDefault + 5));
  symlinkSync('../d1/deep', join(root, 'd0', 'link'));
  mkdirSync(join(root, 'closed', 'empty'), { recursive: true });
  writeFileSync(join(root, 'closed', 'file'), 'x');
  chmodSync(join(root, 'closed'), 0o555);
}

/** To a path of the client's volume that is not there. */
export async function sendTree(
  { session }: Pick<TestClient, 'session'>,
  source: string,
  path: string,
): Promise<void> {
  const result = await copy({
    sources: [{ kind: 'local', path: source }],
    destination: { kind: 'remote', session, remote: { volume: VOLUME, path } },
    recursive: true,
    asDestination: true,
  });
  assert.deepEqual(result.errors, []);
}
