import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { arrange, type Row, shownRows } from './rows.ts';

const row = (name: string, more: Partial<Row> = {}): Row => ({
  name,
  kind: 'file',
  size: 0,
  mtimeUs: 0,
  author: 'alice',
  ...more,
});
const names = (rows: readonly Row[]): string[] => rows.map(({ name }) => name);
const byName = { by: 'name', isDescending: false } as const;

test('names come in the order of their numbers, directories first, in both directions', () => {
  const rows = [row('f10'), row('f9'), row('z', { kind: 'directory' }), row('F1')];
  assert.deepEqual(names(arrange(rows, '', byName)), ['z', 'F1', 'f9', 'f10']);
  const descending = arrange(rows, '', { by: 'name', isDescending: true });
  assert.deepEqual(names(descending), ['z', 'f10', 'f9', 'F1']);
});

test('equal sizes and times are in the order of names', () => {
  const rows = [row('b', { size: 1 }), row('a', { size: 1 }), row('c', { size: 3 })];
  const descending = arrange(rows, '', { by: 'size', isDescending: true });
  assert.deepEqual(names(descending), ['c', 'a', 'b']);
});

test('a filter takes any case, and any part of a name', () => {
  const rows = [row('Train-00001'), row('test-1'), row('readme')];
  assert.deepEqual(names(arrange(rows, 'TR', byName)), ['Train-00001']);
  assert.deepEqual(names(arrange(rows, '.', byName)), []);
});

test('of any number of rows those in the window are shown, and few others', () => {
  fc.assert(
    fc.property(
      fc.nat(200_000),
      fc.nat(7_000_000),
      fc.integer({ min: 1, max: 3000 }),
      (count, top, height) => {
        const { first, end } = shownRows(count, { top, height, rowHeight: 34 });
        assert(first >= 0 && first <= end && end <= count);
        assert(end - first <= height / 34 + 26);
        const visible = Math.floor(top / 34);
        if (visible < count) assert(first <= visible && visible < end);
      },
    ),
  );
});
