/**
 * Random sequences of changes against the file system and against a plain tree in memory: the same
 * answer to each, the same tree after each, and at the end every past state is what it was, also
 * after a restart and after the index was lost.
 *
 * A failure prints its seed, which `GDPFS_TEST_SEED` repeats, and the shrunk commands.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import {
  anyChange,
  anyExtension,
  anyTruncation,
  rarely,
} from '../../test/support/model-arbitraries.ts';
import { type ModelEntry, Refused } from '../../test/support/model-nodes.ts';
import {
  type Extension,
  inOrder,
  momentOf,
  offsetOf,
  type Past,
  type Pick,
  type Picked,
  resolveChange,
  resolvePick,
} from '../../test/support/model-picks.ts';
import { type ModelChange, ModelTree } from '../../test/support/model-tree.ts';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import type { ErrorCode } from '../base/errors.ts';
import { encodeFchunk } from '../format/records.ts';
import type { Change, Entry, Moment } from './types.ts';

const RUNS = 40;
const COMMANDS_MAX = 60;
/** A slow machine does fewer runs. */
const TIME_LIMIT_MS = 90_000;
/** In all runs each change must be made at least so often, and not refused: else they prove little. */
const TIMES_MIN = 3;

interface Model {
  tree: ModelTree;
  readonly past: Past[];
}

interface Real {
  readonly store: TestStore;
  /** Real node numbers by the model's, so that a node is found to stay itself. */
  readonly nodes: Map<number, number>;
}

function contentAt(store: TestStore, path: string): Uint8Array {
  const entry = store.entries().find((one) => one.path === path);
  return entry?.file?.content ?? new Uint8Array(32);
}

/** The change in the words of the file system; the chunks that it needs are stored. */
async function realChange(
  store: TestStore,
  change: ModelChange,
  past: readonly Past[],
): Promise<Change> {
  const momentAt = (state: number): Moment => {
    const found = past[state];
    assert(found !== undefined);
    return momentOf(found);
  };
  switch (change.kind) {
    case 'put': {
      const { pieces, condition, ...rest } = change;
      const file = await store.content(...pieces);
      if (condition === undefined) return { ...rest, file };
      if (condition === 'absent') return { ...rest, file, precondition: { absent: true } };
      const isSame = condition === 'same';
      const content = isSame ? contentAt(store, rest.path) : new Uint8Array(32);
      return { ...rest, file, precondition: { content } };
    }
    case 'rename': {
      const { absent, ...rest } = change;
      return absent ? { ...rest, precondition: { absent } } : rest;
    }
    case 'copy': {
      const { at, ...rest } = change;
      return at === undefined ? rest : { ...rest, at: momentAt(at.state) };
    }
    case 'restore':
      return { ...change, at: momentAt(change.at.state) };
    default:
      return change;
  }
}

/** Asserts that the volume, at a moment or now, is what the model's tree is. */
async function assertSame({ store, nodes }: Real, tree: ModelTree, at?: Moment): Promise<void> {
  const entries = store.entries(at);
  const expected = inOrder(tree);
  assert.deepEqual(
    entries.map(({ path }) => path),
    expected.map(({ path }) => path),
  );
  for (const [index, entry] of entries.entries()) {
    const model = expected[index];
    assert(model !== undefined);
    const known = nodes.get(model.node) ?? entry.node;
    nodes.set(model.node, known);
    assert.deepEqual(await described(store, entry), { ...model, node: known }, entry.path);
  }
  assert.equal(new Set(nodes.values()).size, nodes.size, 'every node has a number of its own');
}

/** An entry in the model's words. */
async function described(store: TestStore, entry: Entry): Promise<ModelEntry> {
  const { path, kind, node, mode, mtimeUs, target, size } = entry;
  const common = { path, kind, node, mode, mtimeUs };
  if (target !== undefined) return { ...common, target };
  if (kind !== 'file') return common;
  const chunks = [];
  for (const chunk of await store.fs.manifest(store.volume, entry)) {
    const bytes = await store.fs.readChunk(store.volume, chunk);
    chunks.push({ offset: chunk.offset, text: Buffer.from(bytes).toString() });
  }
  return { ...common, content: { size, chunks } };
}

/** Every state that was acknowledged, as it is found in the history. */
async function assertHistory(real: Real, past: readonly Past[]): Promise<void> {
  for (const state of past) await assertSame(real, state.tree, momentOf(state));
}

/** How often each change was made and not refused. */
const done = new Map<string, number>();

interface TwoSided {
  readonly kind: string;
  readonly onModel: (tree: ModelTree, nowUs: number) => void;
  readonly onReal: (store: TestStore) => Promise<unknown>;
}

/** Makes the change on both sides, compares answers and trees, and remembers the state. */
async function runBoth(model: Model, { store, nodes }: Real, change: TwoSided): Promise<void> {
  const { kind, onModel, onReal } = change;
  const tree = model.tree.copy();
  let expected: ErrorCode | 'ok' = 'ok';
  try {
    onModel(tree, store.clock.now() * 1000);
    model.tree = tree;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    expected = error.code;
  }
  const { seq } = store;
  assert.equal(await outcome(onReal(store)), expected);
  if (expected === 'ok') done.set(kind, (done.get(kind) ?? 0) + 1);
  else assert.equal(store.seq, seq, 'a refused change adds nothing');
  await assertSame({ store, nodes }, model.tree);
  if (store.seq > seq) {
    model.past.push({ tree: model.tree.copy(), seq: store.seq, timeMs: store.clock.now() });
  }
  store.clock.advance(10);
}

type Command = fc.AsyncCommand<Model, Real>;

/** A command that shows itself as what it did. */
function command<T>(
  resolve: (model: Model) => T,
  run: (made: T, model: Model, real: Real) => Promise<void>,
): Command {
  let shown = 'not run';
  return {
    check: () => true,
    toString: () => shown,
    run: async (model, real) => {
      const made = resolve(model);
      shown = JSON.stringify(made);
      await run(made, model, real);
    },
  };
}

function changeCommand(change: Picked<ModelChange>): Command {
  return command(
    (model) => resolveChange(model, change),
    async (made, model, real) => {
      const trees = model.past.map(({ tree }) => tree);
      await runBoth(model, real, {
        kind: made.kind,
        onModel: (tree, nowUs) => tree.apply(made, trees, nowUs),
        onReal: async (store) => store.apply(await realChange(store, made, model.past)),
      });
    },
  );
}

/** What content a part finds that the parts before have made is not known beforehand. */
function unconditional(change: Picked<ModelChange>): Picked<ModelChange> {
  if (change.kind !== 'put' || change.condition !== 'same') return change;
  const { condition: _, ...rest } = change;
  return rest;
}

function manyCommand(changes: readonly Picked<ModelChange>[]): Command {
  return command(
    (model) => ({ many: changes.map((change) => resolveChange(model, unconditional(change))) }),
    async ({ many }, model, real) => {
      const trees = model.past.map(({ tree }) => tree);
      await runBoth(model, real, {
        kind: 'many',
        onModel: (tree, nowUs) => {
          for (const change of many) tree.apply(change, trees, nowUs);
        },
        onReal: async (store) => {
          const all: Change[] = [];
          for (const change of many) all.push(await realChange(store, change, model.past));
          return await store.apply({ kind: 'many', changes: all });
        },
      });
    },
  );
}

function extendCommand(extension: Extension): Command {
  return command(
    ({ tree }) => {
      const path = resolvePick(tree, extension.path);
      const offset = offsetOf(tree.file(path) ?? { size: 0, chunks: [] }, extension.where);
      return { kind: 'extend', ...extension, path, offset };
    },
    async ({ kind, path, offset, text, isStale }, model, real) => {
      await runBoth(model, real, {
        kind,
        onModel: (tree, nowUs) => {
          tree.requireFile(path);
          if (isStale) throw new Refused('changed');
          tree.extend(path, { offset, text, nowUs });
        },
        onReal: async (store) => {
          const content = isStale ? new Uint8Array(32) : contentAt(store, path);
          const end = { offset, length: 0, checksum: 0, digest: new Uint8Array(0) };
          const records = text === '' ? [encodeFchunk(end)] : await store.fchunks(offset, [text]);
          return await store.extend(path, records, content);
        },
      });
    },
  );
}

function truncateCommand(truncation: { readonly path: Pick; readonly size: number }): Command {
  return command(
    ({ tree }) => ({
      kind: 'truncate',
      path: resolvePick(tree, truncation.path),
      size: truncation.size,
    }),
    async ({ kind, path, size }, model, real) => {
      await runBoth(model, real, {
        kind,
        onModel: (tree, nowUs) => tree.truncate(path, size, nowUs),
        onReal: async (store) => store.truncate(path, size),
      });
    },
  );
}

function reopenCommand(rebuild: boolean): Command {
  return command(
    () => (rebuild ? 'rebuild the index' : 'reopen'),
    async (_, model, real) => {
      await real.store.reopen({ rebuild });
      assert.equal(real.store.damageCount, 0);
      await assertSame(real, model.tree);
    },
  );
}

/** A command for each of `weight` slots: fast-check gives all slots the same chance. */
function weighted(weight: number, arbitrary: fc.Arbitrary<Command>): fc.Arbitrary<Command>[] {
  return Array.from({ length: weight }, () => arbitrary);
}

const COMMANDS = fc.commands(
  [
    ...weighted(14, anyChange.map(changeCommand)),
    ...weighted(2, fc.array(anyChange, { minLength: 1, maxLength: 4 }).map(manyCommand)),
    ...weighted(3, anyExtension.map(extendCommand)),
    ...weighted(1, anyTruncation.map(truncateCommand)),
    ...weighted(1, rarely.map(reopenCommand)),
  ],
  { maxCommands: COMMANDS_MAX, size: 'max' },
);

/** A tree to begin with. */
const FIRST_CHANGES: readonly Picked<ModelChange>[] = [
  { kind: 'mkdir', path: { literal: 'a/b' }, parents: true },
  { kind: 'put', path: { literal: 'a/b/c' }, pieces: ['xyz', 'zyx'], parents: false },
  { kind: 'put', path: { literal: 'b' }, pieces: ['xx', { hole: 2 }, 'yy'], parents: false },
  { kind: 'mkdir', path: { literal: 'c' }, parents: false },
];

let runs = 0;

async function runCommands(commands: Iterable<Command>): Promise<void> {
  await using store = await openTestStore();
  const real: Real = { store, nodes: new Map() };
  const tree = new ModelTree();
  const created = { tree: tree.copy(), seq: store.seq, timeMs: store.clock.now() };
  store.clock.advance(10);
  const model: Model = { tree, past: [created] };
  for (const first of FIRST_CHANGES) await changeCommand(first).run(model, real);
  await fc.asyncModelRun(() => ({ model, real }), commands);
  await assertHistory(real, model.past);
  await store.checkClosed();
  await assertHistory(real, model.past);
  await store.reopen({ rebuild: true });
  await assertSame(real, model.tree);
  await assertHistory(real, model.past);
  runs += 1;
}

describe('the file system', () => {
  it('does what a plain tree in memory does, now and in its history', async (context) => {
    await fc.assert(fc.asyncProperty(COMMANDS, runCommands), {
      numRuns: RUNS,
      interruptAfterTimeLimit: TIME_LIMIT_MS,
    });
    if (runs < RUNS) return context.diagnostic(`there was time for ${runs} of ${RUNS} runs`);
    const kinds = ['mkdir', 'put', 'symlink', 'rename', 'copy', 'remove', 'set', 'restore'];
    for (const kind of [...kinds, 'many', 'extend', 'truncate']) {
      const times = done.get(kind) ?? 0;
      assert.ok(times >= TIMES_MIN, `${kind} was made ${times} times only`);
    }
  });
});
