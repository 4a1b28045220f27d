import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { GdpfsError } from '../../base/errors.ts';
import { comparePaths, isBelow, parentPath } from '../../format/path.ts';
import type { Action, TreeEntry, TreeFault, TreeItem, TreePages } from './action.ts';
import { type PlanOptions, planTrees } from './plan.ts';

type Tree = ReadonlyMap<string, TreeEntry>;

const NAMES = ['a', 'a-b', 'a.b', 'b', '\ue000', '\u{1f600}'];

/** Trees of few names, so that two of them have much in common. */
const tree: fc.Arbitrary<Tree> = fc
  .array(
    fc.record({
      path: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom('file', 'file', 'symlink', 'directory'),
      size: fc.integer({ min: 0, max: 2 }),
      mode: fc.constantFrom(0o644, 0o755),
      mtimeUs: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 25 },
  )
  .map((wanted) => {
    const made = new Map<string, TreeEntry>();
    for (const { path, kind, size, mode, mtimeUs } of wanted) {
      const relative = path.join('/');
      for (let above = parentPath(relative); above !== ''; above = parentPath(above)) {
        if (made.get(above)?.kind === 'directory') continue;
        made.set(above, { relative: above, kind: 'directory', size: 0, mode, mtimeUs });
      }
      const target = kind === 'symlink' ? { target: String(size) } : {};
      const isFile = kind === 'file';
      if (made.get(relative)?.kind === 'directory') continue;
      made.set(relative, { relative, kind, size: isFile ? size : 0, mode, mtimeUs, ...target });
    }
    return made;
  });

async function* pagesOf(items: Iterable<TreeItem>, pageSize = 3): TreePages {
  const sorted = [...items].toSorted((left, right) => {
    return comparePaths(left.relative, right.relative) || (left.kind === 'fault' ? 1 : -1);
  });
  for (let start = 0; start < sorted.length; start += pageSize) {
    await Promise.resolve();
    yield sorted.slice(start, start + pageSize);
  }
}

async function plan(
  source: Iterable<TreeItem>,
  destination: Iterable<TreeItem>,
  options: Partial<PlanOptions> = {},
): Promise<Action[]> {
  const actions: Action[] = [];
  const pages = planTrees(pagesOf(source), pagesOf(destination), { by: 'time', ...options });
  for await (const page of pages) actions.push(...page);
  return actions;
}

/** Does what the actions say, as strictly as a file system would. */
function apply(actions: readonly Action[], destination: Tree): Tree {
  const result = new Map(destination);
  for (const action of actions) {
    const { entry } = action;
    const { relative } = entry;
    const parent = parentPath(relative);
    assert(parent === '' || result.get(parent)?.kind === 'directory', `no place for ${relative}`);
    const there = result.get(relative);
    if (action.kind === 'conflict') continue;
    if (action.kind === 'remove') {
      const gone = [...result.keys()].filter(
        (path) => path === relative || isBelow(path, relative),
      );
      assert.equal(gone.length, action.count);
      for (const path of gone) result.delete(path);
      continue;
    }
    assert.deepEqual(there, 'existing' in action ? action.existing : undefined);
    assert.equal(there?.kind === 'directory', there !== undefined && entry.kind === 'directory');
    result.set(relative, entry);
  }
  return result;
}

function sorted(tree: Tree): TreeEntry[] {
  return [...tree.values()].toSorted((left, right) => comparePaths(left.relative, right.relative));
}

/** A link's mode is not compared. */
function withoutLinkModes(tree: Tree): TreeEntry[] {
  return sorted(tree).map((entry) => (entry.kind === 'symlink' ? { ...entry, mode: 0 } : entry));
}

describe('planTrees()', () => {
  test('makes the destination equal to the source where it may remove', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, async (source, destination) => {
        const actions = await plan(source.values(), destination.values(), { remove: true });
        const result = apply(actions, destination);
        assert.deepEqual(withoutLinkModes(result), withoutLinkModes(source));
        assert.deepEqual(await plan(source.values(), result.values(), { remove: true }), []);
      }),
    );
  });

  test('removes nothing unless told to, and says what is in the way', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, async (source, destination) => {
        const actions = await plan(source.values(), destination.values());
        const result = apply(actions, destination);
        const conflicts = actions.filter(({ kind }) => kind === 'conflict');
        for (const [path, entry] of destination)
          assert.equal(result.get(path)?.kind === 'directory', entry.kind === 'directory');
        for (const [path, entry] of source) {
          const isBlocked = conflicts.some(({ entry: { relative } }) => {
            return path === relative || isBelow(path, relative);
          });
          const isDirectory = result.get(path)?.kind === 'directory';
          if (isBlocked)
            assert(
              !result.has(path) ||
                isDirectory !== (entry.kind === 'directory') ||
                destination.has(path),
            );
          else assert.equal(result.get(path)?.mtimeUs, entry.mtimeUs);
        }
      }),
    );
  });

  test('keeps protected names and what holds them, and removes the rest', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.constantFrom(...NAMES), async (source, destination, name) => {
        const isExcluded = ({ relative }: TreeItem): boolean => relative.split('/').includes(name);
        const wanted = [...source.values()].filter((entry) => !isExcluded(entry));
        const options = { remove: true, isProtected: isExcluded };
        const actions = await plan(wanted, destination.values(), options);
        const result = apply(actions, destination);
        const excluded = [...destination.values()].filter(isExcluded);
        for (const entry of excluded) assert.equal(result.get(entry.relative), entry);
        const conflicts = actions.filter(({ kind }) => kind === 'conflict');
        for (const [path, entry] of result) {
          const isWanted = wanted.some(({ relative }) => relative === path);
          const holds = excluded.some(({ relative }) => isBelow(relative, path));
          const isNear = conflicts.some(
            ({ entry: { relative } }) => path === relative || isBelow(path, relative),
          );
          assert(isWanted || holds || isNear || excluded.includes(entry), `${path} stays`);
        }
      }),
    );
  });

  test('leaves alone what the source could not tell, and what is below', async () => {
    const error = new GdpfsError('local_io', 'cannot read "a": permission denied');
    await fc.assert(
      fc.asyncProperty(tree, tree, async (source, destination) => {
        const fault: TreeFault = { kind: 'fault', relative: 'a', error };
        const items = [...source.values()].filter(
          ({ relative }) => relative !== 'a' && !isBelow(relative, 'a'),
        );
        const faults: TreeFault[] = [];
        const onFault = (found: TreeFault): void => void faults.push(found);
        const actions = await plan([...items, fault], destination.values(), {
          remove: true,
          onFault,
        });
        const isAlone = ({ entry: { relative } }: Action): boolean =>
          relative !== 'a' && !isBelow(relative, 'a');
        assert(actions.every(isAlone));
        assert.deepEqual(faults, [fault]);
      }),
    );
  });

  test('sets only attributes where the content is the same', async () => {
    const file = { relative: 'a', kind: 'file', size: 1, mode: 0o644, mtimeUs: 5 } as const;
    const other = { ...file, mode: 0o600 };
    assert.deepEqual(await plan([file], [other]), [
      { kind: 'attributes', entry: file, existing: other },
    ]);
    const older = { ...file, mtimeUs: 4 };
    assert.deepEqual(await plan([file], [older], { by: 'size' }), [
      { kind: 'attributes', entry: file, existing: older },
    ]);
  });

  test('is unsure about a content of which one side knows no digest', async () => {
    const entry = { relative: 'a', kind: 'file', size: 1, mode: 0o644, mtimeUs: 5 } as const;
    const existing = { ...entry, content: new Uint8Array(32) };
    assert.deepEqual(await plan([entry], [existing], { by: 'content' }), [
      { kind: 'file', reason: 'unsure', entry, existing },
    ]);
    assert.deepEqual(await plan([{ ...entry, size: 2 }], [existing], { by: 'content' }), [
      { kind: 'file', reason: 'changed', entry: { ...entry, size: 2 }, existing },
    ]);
  });

  test('compares times only as finely as both sides can store them', async () => {
    const file = { relative: 'a', kind: 'file', size: 1, mode: 0o644, mtimeUs: 1_234_567 } as const;
    const coarse = { ...file, mtimeUs: 1_000_000 };
    assert.deepEqual(await plan([file], [coarse], { precisionUs: 1_000_000 }), []);
    assert.equal((await plan([file], [coarse])).length, 1);
  });

  test('keeps files that exist, or that are newer, as told', async () => {
    const old = { relative: 'a', kind: 'file', size: 1, mode: 0o644, mtimeUs: 1 } as const;
    const young = { ...old, size: 2, mtimeUs: 2 };
    assert.deepEqual(await plan([young], [old], { existing: 'keep' }), []);
    assert.deepEqual(await plan([old], [young], { existing: 'newer' }), []);
    assert.equal((await plan([young], [old], { existing: 'newer' })).length, 1);
    const kept: string[] = [];
    await plan([young], [old], { existing: 'keep', onKept: (_, why) => void kept.push(why) });
    assert.deepEqual(kept, ['exists']);
  });

  test('keeps what it cannot tell at the destination, and what is beside it is removed', async () => {
    const error = new GdpfsError('not_a_file', 'cannot copy "d/b": it is a fifo');
    const common = { size: 0, mode: 0o755, mtimeUs: 1 };
    const fault: TreeFault = { kind: 'fault', relative: 'd/b', error };
    const d: TreeEntry = { ...common, kind: 'directory', relative: 'd' };
    const [a, b, c] = ['d/a', 'd/b', 'd/c'].map((relative): TreeEntry => {
      return { ...common, kind: 'file', relative };
    });
    assert(a !== undefined && b !== undefined && c !== undefined);
    const strangers: string[] = [];
    const onStranger = ({ relative }: TreeFault): void => void strangers.push(relative);
    const options = { remove: true, onStranger };
    assert.deepEqual(await plan([d], [d, a, fault, c], options), [
      { kind: 'remove', entry: a, count: 1 },
      { kind: 'remove', entry: c, count: 1 },
    ]);
    assert.deepEqual(strangers, ['d/b']);
    assert.deepEqual(await plan([d, b], [d, fault]), [{ kind: 'file', entry: b, reason: 'new' }]);
    // What goes whole goes with whatever is in it.
    assert.deepEqual(await plan([], [d, a, fault, c], options), [
      { kind: 'remove', entry: d, count: 4 },
    ]);
  });
});
