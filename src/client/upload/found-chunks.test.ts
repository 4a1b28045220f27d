import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { sha256 } from '../../base/digest.ts';
import type { Chunk } from '../../format/manifest.ts';
import { FoundChunks } from './found-chunks.ts';

const LENGTH = 10;

test('what is known ends where the first checksum is missing, whatever the order in which they come', () => {
  const parts = fc.array(
    fc.record({
      chunks: fc.integer({ min: 0, max: 4 }),
      /** Bytes of holes before and behind them. */
      before: fc.nat(3),
      behind: fc.nat(3),
      isUnsummed: fc.boolean(),
      /** When its checksums come. */
      turn: fc.nat(),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(parts, (drawn) => {
      const found = new FoundChunks();
      const whole: Chunk[] = [];
      const waiting: { first: number; checksums: number[]; turn: number }[] = [];
      for (const { chunks: count, before, behind, isUnsummed, turn } of drawn) {
        const start = found.end + before;
        const chunks = Array.from({ length: count }, (_, at) => chunkAt(start + at * LENGTH));
        const end = start + count * LENGTH + behind;
        const sent = isUnsummed ? chunks.map((chunk) => ({ ...chunk, checksum: 0 })) : chunks;
        const first = found.add(sent, end, isUnsummed);
        assert.equal(first, whole.length);
        whole.push(...chunks);
        const checksums = chunks.map(({ checksum }) => checksum);
        if (isUnsummed && count > 0) waiting.push({ first, checksums, turn });
        assert.equal(found.end, end);
      }
      for (const { first, checksums } of waiting.toSorted((a, b) => a.turn - b.turn)) {
        checkKnown(found, whole);
        const last = first + checksums.length;
        assert.deepEqual(found.sum(first, checksums), whole.slice(first, last));
      }
      checkKnown(found, whole);
      assert.deepEqual(found.all, whole);
      assert.equal(found.known.end, found.end);
    }),
  );
});

/** All that is known is true, and there is nothing that could be known beside it. */
function checkKnown({ known, all, end }: FoundChunks, whole: readonly Chunk[]): void {
  const { length } = known.chunks;
  assert.deepEqual(known.chunks, whole.slice(0, length));
  assert.equal(known.start, 0);
  const next = all[length];
  assert.equal(next?.checksum ?? 0, 0);
  assert.equal(known.end, next?.offset ?? end);
}

function chunkAt(offset: number): Chunk {
  return { offset, length: LENGTH, checksum: offset + 1, digest: sha256(Uint8Array.of(offset)) };
}
