/**
 * Random sequences of changes against the file system and against a plain tree in memory: the same
 * answer to each, the same tree after each, and at the end every past state is what it was, also
 * after a restart and after the index was lost.
 *
 * `GDPFS_SEED=<number>` repeats a run; a failure prints its seed, and the shrunk commands.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ModelChange,
  type ModelEntry,
  ModelTree,
  Refused,
  type Where,
} from '../../test/support/model-tree.ts';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import type { ErrorCode } from '../base/errors.ts';
import { compareNames } from '../format/path.ts';
import { encodeFchunk } from '../format/records.ts';
import type { Change, Entry, Moment } from './types.ts';

const RUNS = 40;
const COMMANDS_MAX = 40;
/** A slow machine does fewer runs. */
const TIME_LIMIT_MS = 15_000;

/** A state of the volume that was acknowledged, and how to ask for it. */
interface Past {
  readonly tree: ModelTree;
  readonly seq: number;
  readonly timeMs: number;
}

interface Model {
  tree: ModelTree;
  readonly past: Past[];
}

interface Real {
  readonly store: TestStore;
  /** Real node numbers by the model's, so that a node is found to stay itself. */
  readonly nodes: Map<number, number>;
}

/** How often each change was made and not refused: a run that does nothing proves nothing. */
const done = new Map<string, number>();

function count(kind: string, code: ErrorCode | 'ok'): void {
  if (code === 'ok') done.set(kind, (done.get(kind) ?? 0) + 1);
}

/** The code with which the model refuses, or `ok`, and the tree from then on. */
function modelOutcome(
  model: Model,
  act: (tree: ModelTree) => void,
): { readonly code: ErrorCode | 'ok'; readonly tree: ModelTree } {
  const tree = model.tree.copy();
  try {
    act(tree);
    return { code: 'ok', tree };
  } catch (error) {
    if (error instanceof Refused) return { code: error.code, tree: model.tree };
    throw error;
  }
}

/** Makes the change on both sides, compares answers and trees, and remembers the state. */
async function runBoth(
  model: Model,
  real: Real,
  change: {
    readonly kind: string;
    readonly onModel: (tree: ModelTree) => void;
    readonly onReal: (store: TestStore) => Promise<unknown>;
  },
): Promise<void> {
  const expected = modelOutcome(model, change.onModel);
  const { seq } = real.store;
  const code = await outcome(change.onReal(real.store));
  assert.equal(code, expected.code);
  if (code !== 'ok') assert.equal(real.store.seq, seq, 'a refused change adds nothing');
  count(change.kind, code);
  model.tree = expected.tree;
  await assertSame(real, model.tree.entries());
  if (real.store.seq > seq) {
    const timeMs = real.store.clock.now();
    model.past.push({ tree: model.tree.copy(), seq: real.store.seq, timeMs });
  }
  real.store.clock.advance(10);
}

const momentOf = ({ seq, timeMs }: Past, byTime: boolean): Moment =>
  byTime ? { kind: 'time', timeMs: timeMs + 5 } : { kind: 'seq', seq };

async function assertSame(
  { store, nodes }: Real,
  expected: readonly ModelEntry[],
  at?: Moment,
): Promise<void> {
  const entries = store.entries(at);
  const sorted = expected.toSorted((left, right) => comparePaths(left.path, right.path));
  assert.deepEqual(
    entries.map(({ path }) => path),
    sorted.map(({ path }) => path),
  );
  for (const [index, entry] of entries.entries()) {
    const model = sorted[index];
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

/** Depth first, a directory before its content, names in the order of their bytes. */
function comparePaths(left: string, right: string): number {
  const rights = right.split('/');
  const lefts = left.split('/');
  for (const [index, name] of lefts.entries()) {
    const order = compareNames(name, rights[index] ?? '');
    if (order !== 0) return order;
  }
  return lefts.length - rights.length;
}

/** Moments are picked by a fraction, since the number of states is known only at run time. */
function withStates<T extends ModelChange>(change: T, past: readonly Past[]): T {
  if (!('at' in change) || change.at === undefined) return change;
  return { ...change, at: { state: change.at.state % past.length } };
}

async function realChange(
  store: TestStore,
  change: ModelChange,
  past: readonly Past[],
): Promise<Change> {
  switch (change.kind) {
    case 'put': {
      const { pieces, condition, ...rest } = change;
      const file = await store.content(...pieces);
      if (condition === undefined) return { ...rest, file };
      if (condition === 'absent') return { ...rest, file, precondition: { absent: true } };
      const content = condition === 'same' ? contentAt(store, rest.path) : undefined;
      return { ...rest, file, precondition: { content: content ?? new Uint8Array(32) } };
    }
    case 'rename': {
      const { absent, ...rest } = change;
      return absent ? { ...rest, precondition: { absent } } : rest;
    }
    case 'copy': {
      const { at, ...rest } = change;
      const state = at === undefined ? undefined : past[at.state];
      return state === undefined ? rest : { ...rest, at: momentOf(state, state.seq % 2 === 0) };
    }
    case 'restore': {
      const state = past[change.at.state];
      assert(state !== undefined);
      return { ...change, at: momentOf(state, state.seq % 2 === 0) };
    }
    default:
      return change;
  }
}

function contentAt(store: TestStore, path: string): Uint8Array | undefined {
  return store.entries().find((entry) => entry.path === path)?.file?.content;
}

type Command = fc.AsyncCommand<Model, Real>;

function changeCommand(change: ModelChange): Command {
  return {
    check: () => true,
    toString: () => JSON.stringify(change),
    run: async (model, real) => {
      const picked = withStates(change, model.past);
      const past = model.past.map(({ tree }) => tree);
      await runBoth(model, real, {
        kind: change.kind,
        onModel: (tree) => tree.apply(picked, past, real.store.clock.now() * 1000),
        onReal: async (store) => store.apply(await realChange(store, picked, model.past)),
      });
    },
  };
}

function manyCommand(changes: readonly ModelChange[]): Command {
  return {
    check: () => true,
    toString: () => `many ${JSON.stringify(changes)}`,
    run: async (model, real) => {
      const picked = changes.map((change) => withStates(change, model.past));
      const past = model.past.map(({ tree }) => tree);
      await runBoth(model, real, {
        kind: 'many',
        onModel: (tree) => {
          const nowUs = real.store.clock.now() * 1000;
          for (const change of picked) tree.apply(change, past, nowUs);
        },
        onReal: async (store) => {
          const all = [];
          for (const change of picked) all.push(await realChange(store, change, model.past));
          return await store.apply({ kind: 'many', changes: all });
        },
      });
    },
  };
}

function extendCommand(extend: {
  readonly path: string;
  readonly where: Where;
  readonly text: string;
  readonly isStale: boolean;
}): Command {
  const { path, where, text, isStale } = extend;
  return {
    check: () => true,
    toString: () => `extend ${JSON.stringify(extend)}`,
    run: async (model, real) => {
      const file = model.tree.file(path);
      const offset = file === undefined ? 0 : offsetOf(file, where);
      await runBoth(model, real, {
        kind: 'extend',
        onModel: (tree) => {
          // Opening the file comes first, whatever the condition says.
          tree.truncate(path, file?.size ?? 0, 0);
          if (isStale) throw new Refused('changed');
          tree.extend(path, { offset, text, nowUs: real.store.clock.now() * 1000 });
        },
        onReal: async (store) => {
          const other = new Uint8Array(32);
          const content = isStale ? other : (contentAt(store, path) ?? other);
          const end = { offset, length: 0, checksum: 0, digest: new Uint8Array(0) };
          const records = text === '' ? [encodeFchunk(end)] : await store.fchunks(offset, [text]);
          return await store.extend(path, records, content);
        },
      });
    },
  };
}

function offsetOf(
  file: { readonly size: number; readonly chunks: readonly { offset: number; text: string }[] },
  where: Where,
): number {
  if ('behindEnd' in where) return file.size + where.behindEnd;
  const chunk = file.chunks[where.chunk % Math.max(1, file.chunks.length)];
  if (chunk === undefined) return 0;
  return chunk.offset + (where.inside ? Math.ceil(chunk.text.length / 2) : 0);
}

function truncateCommand(path: string, size: number): Command {
  return {
    check: () => true,
    toString: () => `truncate ${JSON.stringify(path)} to ${size}`,
    run: async (model, real) => {
      await runBoth(model, real, {
        kind: 'truncate',
        onModel: (tree) => tree.truncate(path, size, real.store.clock.now() * 1000),
        onReal: async (store) => store.truncate(path, size),
      });
    },
  };
}

function reopenCommand(rebuild: boolean): Command {
  return {
    check: () => true,
    toString: () => (rebuild ? 'rebuild the index' : 'reopen'),
    run: async (model, real) => {
      await real.store.reopen({ rebuild });
      assert.equal(real.store.damageCount, 0);
      await assertSame(real, model.tree.entries());
    },
  };
}

// Few names, so that changes meet.
const name = fc.constantFrom('a', 'b', 'c', 'ü');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const anyPath = fc.oneof(
  { weight: 20, arbitrary: path },
  { weight: 1, arbitrary: fc.constant('') },
);
const mode = fc.constantFrom(0, 0o600, 0o755, 0o7777);
const mtimeUs = fc.constantFrom(0, 1_600_000_000_123_456);
const attributes = fc.record({ mode, mtimeUs }, { requiredKeys: [], noNullPrototype: true });
const text = fc.string({
  unit: fc.constantFrom('x', 'y', 'z'),
  minLength: 1,
  maxLength: 6,
});
const pieces = fc.array(
  fc.oneof(text, fc.record({ hole: fc.integer({ min: 1, max: 4 }) }, { noNullPrototype: true })),
  {
    maxLength: 4,
  },
);
const parents = fc.boolean();
const at = fc.record({ state: fc.nat(1000) }, { noNullPrototype: true });

function variant<K extends string, T extends object>(
  kind: K,
  fields: { [P in keyof T]: fc.Arbitrary<T[P]> },
  optional: { [key: string]: fc.Arbitrary<unknown> } = {},
): fc.Arbitrary<{ kind: K } & T> {
  const required = fc.record({ kind: fc.constant(kind), ...fields }, { noNullPrototype: true });
  const rest = fc.record(optional, { requiredKeys: [], noNullPrototype: true });
  return fc.tuple(required, rest).map(([one, other]) => ({ ...one, ...other }) as { kind: K } & T);
}

const modeAndTime = { mode, mtimeUs };
const change: fc.Arbitrary<ModelChange> = fc.oneof(
  { weight: 3, arbitrary: variant('mkdir', { path: anyPath, parents }, modeAndTime) },
  {
    weight: 4,
    arbitrary: variant(
      'put',
      { path: anyPath, pieces, parents },
      { ...modeAndTime, condition: fc.constantFrom('absent', 'same', 'other') },
    ),
  },
  {
    weight: 1,
    arbitrary: variant('symlink', { path: anyPath, target: text, parents }, modeAndTime),
  },
  { weight: 5, arbitrary: variant('rename', { path: anyPath, to: anyPath, absent: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: variant('copy', { path: anyPath, to: anyPath, recursive: fc.boolean() }, { at }),
  },
  {
    weight: 3,
    arbitrary: variant(
      'remove',
      { path: anyPath, recursive: fc.boolean() },
      { only: fc.constantFrom('file', 'directory') },
    ),
  },
  { weight: 1, arbitrary: variant('set', { path: anyPath, attributes }) },
  { weight: 4, arbitrary: variant('restore', { path: anyPath, at }) },
);
const where: fc.Arbitrary<Where> = fc.oneof(
  fc.record({ behindEnd: fc.constantFrom(0, 0, 3) }, { noNullPrototype: true }),
  fc.record({ chunk: fc.nat(5), inside: fc.boolean() }, { noNullPrototype: true }),
);
const extension = fc.record(
  {
    path: anyPath,
    where,
    text: fc.oneof(text, fc.constant('')),
    isStale: fc.integer({ min: 0, max: 9 }).map((value) => value === 0),
  },
  { noNullPrototype: true },
);

const COMMANDS = fc.commands(
  [
    change.map(changeCommand),
    change.map(changeCommand),
    change.map(changeCommand),
    change.map(changeCommand),
    change.map(changeCommand),
    fc.array(change, { minLength: 1, maxLength: 4 }).map(manyCommand),
    extension.map(extendCommand),
    fc.tuple(anyPath, fc.nat(16)).map(([file, size]) => truncateCommand(file, size)),
    fc.integer({ min: 0, max: 3 }).map((choice) => reopenCommand(choice === 0)),
  ],
  { maxCommands: COMMANDS_MAX, size: 'max' },
);

/** A tree to begin with, so that most changes find something. */
async function settle(model: Model, real: Real): Promise<void> {
  const changes: readonly ModelChange[] = [
    { kind: 'mkdir', path: 'a/b', parents: true },
    { kind: 'put', path: 'a/b/c', pieces: ['xyz', 'zyx'], parents: false },
    { kind: 'put', path: 'b', pieces: ['xx', { hole: 2 }, 'yy'], parents: false },
    { kind: 'mkdir', path: 'c', parents: false },
  ];
  for (const one of changes) await changeCommand(one).run(model, real);
}

/** Every state that was acknowledged, as it is found in the history. */
async function assertHistory(real: Real, past: readonly Past[]): Promise<void> {
  for (const [index, state] of past.entries()) {
    await assertSame(real, state.tree.entries(), momentOf(state, index % 2 === 1));
  }
}

describe('the file system', () => {
  it('does what a plain tree in memory does, now and in its history', async () => {
    const seed = process.env['GDPFS_SEED'];
    await fc.assert(
      fc.asyncProperty(COMMANDS, async (commands) => {
        await using store = await openTestStore();
        const real: Real = { store, nodes: new Map([[0, 0]]) };
        const tree = new ModelTree();
        const first = { tree: tree.copy(), seq: store.seq, timeMs: store.clock.now() };
        store.clock.advance(10);
        const model: Model = { tree, past: [first] };
        await settle(model, real);
        await fc.asyncModelRun(() => ({ model, real }), commands);
        await assertHistory(real, model.past);
        await store.checkClosed();
        await assertHistory(real, model.past);
        await store.reopen({ rebuild: true });
        await assertSame(real, model.tree.entries());
        await assertHistory(real, model.past);
      }),
      {
        numRuns: RUNS,
        interruptAfterTimeLimit: TIME_LIMIT_MS,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      },
    );
    const kinds = ['mkdir', 'put', 'symlink', 'rename', 'copy', 'remove', 'set', 'restore'];
    for (const kind of [...kinds, 'many', 'extend', 'truncate']) {
      assert.ok((done.get(kind) ?? 0) > 0, `no ${kind} was made`);
    }
  });
});
