/** A volume that changes at random, with all that its states have been, to compare with what is kept. */
import assert from 'node:assert/strict';
import { formatDigest } from '../../src/base/digest.ts';
import type { Change, Moment } from '../../src/fs/types.ts';
import { anyChange, anyExtension } from './model-arbitraries.ts';
import {
  type Extension,
  type Named,
  type Picked,
  resolveChange,
  resolvePick,
} from './model-picks.ts';
import type { ModelChange } from './model-tree.ts';
import { fc } from './property.ts';
import { ALICE, outcome, type Piece, type TestStore } from './store.ts';

const HOUR_MS = 3600 * 1000;
const NAMES_MAX = 3;

export type Step =
  | { readonly change: Picked<ModelChange> }
  | { readonly extension: Extension }
  /** So many hours pass. */
  | { readonly hours: number }
  /** The last state but so many gets a name; or the oldest name is forgotten. */
  | { readonly name: number };

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ change: anyChange }) },
  { weight: 3, arbitrary: fc.record({ extension: anyExtension }) },
  { weight: 3, arbitrary: fc.record({ hours: fc.integer({ min: 1, max: 36 }) }) },
  { weight: 2, arbitrary: fc.record({ name: fc.nat(20) }) },
);

/** A tree to begin with. */
export const FIRST_STEPS: readonly Step[] = [
  { change: { kind: 'mkdir', path: { literal: 'a/b' }, parents: true } },
  { change: { kind: 'put', path: { literal: 'a/b/c' }, pieces: ['x', 'y', 'z'], parents: false } },
  {
    change: {
      kind: 'put',
      path: { literal: 'b' },
      pieces: ['xx', { hole: 2 }, 'yy'],
      parents: false,
    },
  },
];

/** A state of the volume: what was in it, and what its files were. */
export interface PastState {
  readonly seq: number;
  /** When it became what it is. */
  readonly timeMs: number;
  readonly tree: Named;
  /** By path. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Of the chunks of all files. */
  readonly digests: ReadonlySet<string>;
}

export class KeptWorld {
  readonly store: TestStore;
  readonly states: PastState[] = [];
  /** How often each kind of change was made and not refused. */
  readonly done: Map<string, number>;
  /** How often each piece of text is repeated: chunks shall be large. */
  readonly #times: number;
  #texts = 0;

  constructor(store: TestStore, done: Map<string, number>, times = 1) {
    this.store = store;
    this.done = done;
    this.#times = times;
  }

  async step(step: Step): Promise<void> {
    if ('hours' in step) this.store.clock.advance(step.hours * HOUR_MS);
    else if ('name' in step) await this.#try('name', () => this.#name(step.name));
    else if ('change' in step) await this.#try(step.change.kind, () => this.#change(step.change));
    else await this.#try('extend', () => this.#extend(step.extension));
    await this.#remember();
  }

  /** Those of `states` that are kept, by the trim point and the names that there are. */
  kept(trimSeq: number): PastState[] {
    const named = this.store.policies.of(this.store.volume).snapshots.map(({ seq }) => seq);
    return this.states.filter(({ seq }) => seq >= trimSeq || named.includes(seq));
  }

  count(what: string, times = 1): void {
    this.done.set(what, (this.done.get(what) ?? 0) + times);
  }

  async #remember(): Promise<void> {
    const { seq, clock } = this.store;
    for (let state = (this.states.at(-1)?.seq ?? 0) + 1; state <= seq; state += 1) {
      const at = { kind: 'seq', seq: state } as const;
      const entries = this.store.entries(at);
      const digests = new Set<string>();
      const contents = new Map<string, Uint8Array>();
      for (const { path, kind } of entries) {
        if (kind !== 'file') continue;
        contents.set(path, await this.store.read(path, at));
        for (const { digest } of await this.store.manifest(path, at)) {
          digests.add(formatDigest(digest));
        }
      }
      const tree = { entries: () => entries };
      this.states.push({ seq: state, timeMs: clock.now(), tree, contents, digests });
    }
    // Changes of different moments are told apart.
    clock.advance(10);
  }

  async #try(kind: string, change: () => Promise<unknown>): Promise<void> {
    if ((await outcome(change())) === 'ok') this.count(kind);
  }

  async #name(back: number): Promise<void> {
    const { policies, volume } = this.store;
    const [oldest, ...others] = policies.of(volume).snapshots;
    if (oldest !== undefined && others.length >= NAMES_MAX - 1) {
      return await policies.change(volume, { kind: 'forget', name: oldest.name }, ALICE);
    }
    const seq = this.states.at(-1 - back)?.seq ?? 0;
    const at: Moment = { kind: 'seq', seq };
    this.#texts += 1;
    await policies.change(volume, { kind: 'snapshot', name: `s${this.#texts}`, at }, ALICE);
  }

  get #tree(): Named {
    return this.states.at(-1)?.tree ?? { entries: () => [] };
  }

  async #change(picked: Picked<ModelChange>): Promise<void> {
    const past = this.states.length === 0 ? [{ tree: this.#tree }] : this.states;
    const change = resolveChange({ tree: this.#tree, past }, picked);
    await this.store.apply(await this.#real(change));
  }

  async #real(change: ModelChange): Promise<Change> {
    if (change.kind === 'put') {
      const { pieces, condition: _, ...rest } = change;
      return { ...rest, file: await this.store.content(...pieces.map((one) => this.#piece(one))) };
    }
    if ('at' in change && change.at !== undefined) {
      const seq = this.states[change.at.state]?.seq ?? 1;
      return { ...change, at: { kind: 'seq', seq } } as Change;
    }
    const { at: _, absent: __, ...rest } = { at: undefined, absent: undefined, ...change };
    return rest as Change;
  }

  /** Half of what is written was never written before. */
  #piece(piece: Piece): Piece {
    this.#texts += 1;
    if (typeof piece !== 'string') return piece;
    const text = this.#texts % 2 === 0 ? `${piece}${this.#texts}` : piece;
    return text.repeat(this.#times);
  }

  /** Records that replace what is from a chunk on, or go on behind the end. */
  async #extend({ path, where, text }: Extension): Promise<void> {
    const name = resolvePick(this.#tree, path);
    const chunks = await this.store.manifest(name);
    const { size } = this.store.stat(name);
    const offset = 'behindEnd' in where ? size : (chunks[where.chunk]?.offset ?? size);
    await this.store.extend(name, await this.store.fchunks(offset, [this.#piece(`${text}.`)]));
  }
}

/** In all runs each must have been made: else they prove little. */
export function assertMade(done: ReadonlyMap<string, number>, least: Record<string, number>): void {
  for (const [what, times] of Object.entries(least)) {
    assert.ok((done.get(what) ?? 0) >= times, `${what} ${done.get(what) ?? 0} times only`);
  }
}
