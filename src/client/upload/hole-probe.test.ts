import assert from 'node:assert/strict';
import { constants, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { openDirect } from '../direct-file.ts';
import { isZeroRange } from './hole-probe.ts';

const SIZE = 700 * 1024 + 123;
// On a disk: a file system in memory needs no probe.
const folder = mkdtempSync(join(tmpdir(), 'gdpfs-test-'));
after(() => rmSync(folder, { recursive: true }));

test('isZeroRange() is true for exactly the ranges without data, as they were just written', async (context) => {
  const path = join(folder, 'sparse');
  const places = fc.array(fc.nat(SIZE - 1), { maxLength: 4 });
  const ranges = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE)), {
    minLength: 20,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(places, ranges, async (data, found) => {
      writeFileSync(path, '');
      truncateSync(path, SIZE);
      await using handle = await open(path, 'r+');
      for (const at of data) await handle.write(Uint8Array.of(1), 0, 1, at);
      await using probe = await openDirect(handle, constants.O_RDONLY);
      if (probe === undefined) return context.skip('the file system has no direct reads');
      for (const [offset, longest] of found) {
        const length = Math.min(longest, SIZE - offset);
        const isEmpty = data.every((at) => at < offset || at >= offset + length);
        assert.equal(isZeroRange(probe.fd, offset, length), isEmpty);
      }
    }),
    { numRuns: 30 },
  );
});

test('isZeroRange() is false behind the end of the file, and for what cannot be read', async () => {
  const path = join(folder, 'short');
  writeFileSync(path, '');
  truncateSync(path, 5000);
  await using handle = await open(path, 'r');
  for (const file of [(await openDirect(handle, constants.O_RDONLY))?.fd ?? handle.fd, -1]) {
    assert.equal(isZeroRange(file, 0, 5001), false);
    assert.equal(isZeroRange(file, 8192, 1), false);
  }
});
