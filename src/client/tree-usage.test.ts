import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { comparePaths, isBelow, parentPath, splitPath } from '../format/path.ts';
import { encodeCursor, HEADERS } from '../wire/headers.ts';
import { type ListingRow, ListingWriter } from '../wire/listing.ts';
import type { Session } from './session.ts';
import { measureTree, type TreeUsage } from './tree-usage.ts';

/** Rows of a listing, with the directories that they are in. */
const anyRows: fc.Arbitrary<ListingRow[]> = fc
  .uniqueArray(
    fc.record({
      names: fc.array(fc.constantFrom('a', 'a.b', 'b', 'ab'), { minLength: 1, maxLength: 5 }),
      kind: fc.constantFrom('file', 'symlink', 'directory'),
      size: fc.nat(1000),
    }),
    { selector: ({ names }) => names.join('/') },
  )
  .map((picked) => {
    const rows = new Map<string, ListingRow>();
    for (const { names, kind, size } of picked) {
      for (let depth = 1; depth < names.length; depth += 1) {
        const relative = names.slice(0, depth).join('/');
        rows.set(relative, row(relative, 'directory', 0));
      }
      const relative = names.join('/');
      if (!rows.has(relative)) rows.set(relative, row(relative, kind, size));
    }
    return [...rows.values()].sort((left, right) => comparePaths(left.relative, right.relative));
  });

function row(relative: string, kind: ListingRow['kind'], size: number): ListingRow {
  const rest = { mode: 0o644, mtimeUs: 0 };
  if (kind === 'file') return { relative, kind, size, ...rest, content: new Uint8Array(32) };
  return { relative, kind, size: 0, ...rest, ...(kind === 'symlink' ? { target: 't' } : {}) };
}

/** Has the rows in pages of `length`, whatever is asked for. */
function sessionOf(rows: readonly ListingRow[], length: number): Session {
  return {
    url: 'https://host',
    hasChanged: false,
    request: ({ query }) => {
      const { cursor } = query as { cursor?: string };
      const start = rows.findIndex(({ relative }) => relative === cursor) + 1;
      const page = rows.slice(start, start + length);
      const writer = new ListingWriter();
      for (const each of page) writer.add(each);
      const last = start + length < rows.length ? page.at(-1)?.relative : undefined;
      const headers = {
        [HEADERS.seq.toLowerCase()]: '7',
        ...(last === undefined ? {} : { [HEADERS.cursor.toLowerCase()]: encodeCursor(last) }),
      };
      return Promise.resolve({ headers, body: writer.finish(), bodyBytes: 0 });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** What is below each directory, counted from all rows. */
function expected(rows: readonly ListingRow[], depth: number): TreeUsage[] {
  const directories = [
    '',
    ...rows.flatMap((each) => (each.kind === 'directory' ? [each.relative] : [])),
  ];
  return directories
    .filter((relative) => splitPath(relative).length <= depth)
    .map((relative) => {
      const below = rows.filter((each) => isBelow(each.relative, relative));
      const count = (kind: string): number => below.filter((each) => each.kind === kind).length;
      return {
        relative,
        bytes: below.reduce((sum, { size }) => sum + size, 0),
        files: count('file'),
        links: count('symlink'),
        directories: count('directory'),
      };
    });
}

test('measureTree() counts for each directory what is below it, however the listing is paged', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyRows,
      fc.integer({ min: 1, max: 7 }),
      fc.nat(4),
      async (rows, length, depth) => {
        const found: TreeUsage[] = [];
        for await (const usage of measureTree(sessionOf(rows, length), '/v', { depth })) {
          found.push({ ...usage });
        }
        const byPath = (left: TreeUsage, right: TreeUsage): number =>
          comparePaths(left.relative, right.relative);
        assert.deepEqual([...found].sort(byPath), expected(rows, depth));
        // A directory comes after those in it.
        const order = found.map(({ relative }) => relative);
        for (const [index, relative] of order.entries()) {
          if (relative !== '') assert(order.indexOf(parentPath(relative)) > index, order.join(' '));
        }
      },
    ),
  );
});

test('measureTree() of an empty directory is one of nothing', async () => {
  const session: Session = sessionOf([], 1);
  const found: TreeUsage[] = [];
  for await (const usage of measureTree(session, '/v')) found.push(usage);
  assert.deepEqual(found, [{ relative: '', bytes: 0, files: 0, links: 0, directories: 0 }]);
});
