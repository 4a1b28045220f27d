import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_HEADER_BYTES, FRAME_KIND, type TableEntry } from '../format/segment.ts';
import { holeOf, layOutFreed } from './freed-layout.ts';

const NONE = new Uint8Array(32);

/** Frames from 12288 on, one behind the other, but for a gap of damage before some. */
function framesOf(
  plan: readonly { readonly length: number; readonly isChunk: boolean; readonly gap: number }[],
): TableEntry[] {
  let offset = 12_288;
  return plan.map(({ length, isChunk, gap }, index) => {
    offset += gap;
    const kind = isChunk ? FRAME_KIND.chunk : FRAME_KIND.padding;
    const digest = isChunk ? sha256(Uint8Array.of(index)) : NONE;
    const entry = { kind, offset, length, volume: NONE, digest };
    offset += FRAME_HEADER_BYTES + length;
    return entry;
  });
}

function endOf({ offset, length }: { readonly offset: number; readonly length: number }): number {
  return offset + FRAME_HEADER_BYTES + length;
}

const frame = fc.record({
  length: fc.oneof(
    fc.integer({ min: 0, max: 20_000 }),
    fc.integer({ min: LIMITS.paddingBytesMax - 80, max: LIMITS.paddingBytesMax + 80 }),
  ),
  isChunk: fc.boolean(),
  gap: fc.oneof({ arbitrary: fc.constant(0), weight: 5 }, fc.integer({ min: 1, max: 9000 })),
});

test('what is freed is padding of the same extent, and all else stays as it is', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(frame, fc.boolean()), { maxLength: 30 }), (plan) => {
      const entries = framesOf(plan.map(([one]) => one));
      const isFreed = (index: number): boolean =>
        plan[index]?.[1] === true && entries[index]?.kind === FRAME_KIND.chunk;
      const { entries: after, padding } = layOutFreed(entries, isFreed);
      const kept = entries.filter(
        ({ kind }, index) => kind === FRAME_KIND.chunk && !isFreed(index),
      );
      assert.deepEqual(
        after.filter(({ kind }) => kind === FRAME_KIND.chunk),
        kept,
      );
      const before = new Set(entries.map(({ offset, length }) => `${offset}+${length}`));
      for (const { offset, length } of padding) {
        const isOld = before.has(`${offset}+${length}`);
        assert(length >= 0 && (isOld || length <= LIMITS.paddingBytesMax));
      }
      // Runs of frames begin and end where they did.
      assert.deepEqual(extents(after), extents(entries));
      if (!entries.some((_, index) => isFreed(index))) assert.deepEqual(after, entries);
    }),
  );
});

/** Where frames lie one behind the other. */
function extents(entries: readonly TableEntry[]): number[] {
  const edges: number[] = [];
  for (const entry of entries) {
    if (edges.at(-1) === entry.offset) edges.pop();
    else edges.push(entry.offset);
    edges.push(endOf(entry));
  }
  return edges;
}

test('a hole is the blocks that a payload fills, and what was a hole before is not freed again', () => {
  assert.deepEqual(holeOf({ offset: 12_288, length: 8160 }), { start: 16_384, length: 4096 });
  assert.deepEqual(holeOf({ offset: 12_288, length: 4096 }), { start: 16_384, length: 0 });
  assert.deepEqual(holeOf({ offset: 16_352, length: 4096 }), { start: 16_384, length: 4096 });
  const entries = framesOf([
    { length: 100_000, isChunk: true, gap: 0 },
    { length: 50_000, isChunk: true, gap: 0 },
  ]);
  const first = layOutFreed(entries, (index) => index === 0);
  const second = layOutFreed(first.entries, (index) => index === 1);
  const both = layOutFreed(entries, () => true);
  assert.deepEqual(second.entries, both.entries);
  // A hole stays one while something else is freed.
  const others = framesOf(
    [100_000, 50_000, 60_000].map((length) => ({ length, isChunk: true, gap: 0 })),
  );
  const early = layOutFreed(others, (index) => index === 0);
  const late = layOutFreed(early.entries, (index) => index === 2);
  assert.deepEqual(late.padding[0], early.padding[0]);
  assert.equal(late.padding.length, 2);
  assert.equal(first.bytes + second.bytes, both.bytes);
  assert(both.bytes > 140_000);
});
