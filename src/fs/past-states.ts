import type { DatabaseSync } from 'node:sqlite';
import { asBuffer, bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseCheckpoint } from '../format/checkpoint.ts';
import { type Commit, decodeCommit } from '../format/commit.ts';
import { decodeDentry } from '../format/dentry.ts';
import { decodeRecord } from '../format/records.ts';
import { stateKey, stateLeafHash } from '../format/state-entry.ts';
import type { PastCheckpoint } from '../format/state-evidence.ts';
import { type StateChange, StateMap, type StateNodes } from '../format/state-map.ts';
import type { LogEngine } from '../log/engine.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { EntryTable } from './entry-table.ts';
import { StateNodeTable, stateEntryOf } from './state-fold.ts';
import { overlay } from './state-overlay.ts';

/** A volume as it was after a commit. */
export interface PastState extends Omit<PastCheckpoint, 'consistency'> {
  /** Of the state map. Those of the present below them: true as long as the volume does not change. */
  readonly nodes: StateNodes;
}

/** What has changed since a commit, as far as it was read, and the map without that. */
interface Undone extends Omit<PastCheckpoint, 'consistency'> {
  /** Count of records up to which `changes` is complete. */
  until: number;
  /** Keys that were changed since, with what they were before. */
  readonly changes: Map<string, StateChange>;
  /** Without the changes, made when the volume had so many records. */
  made: { readonly count: number; readonly nodes: StateNodes } | undefined;
}

/**
 * State maps of the past. None is kept: what changed since is undone in memory, over the map of now. The
 * shape of a map depends on nothing but what is in it, so that this leads to the very root that was
 * signed then. It costs as much as was changed since, which is bounded.
 */
export class PastStates {
  readonly #engine: LogEngine;
  readonly #entries: EntryTable;
  readonly #nodes: StateNodeTable;
  /** The newest last. */
  readonly #known = new Map<string, Undone>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ engine, reader }: { readonly engine: LogEngine; readonly reader: DatabaseSync }) {
    this.#engine = engine;
    this.#entries = new EntryTable(reader);
    this.#nodes = new StateNodeTable(reader);
  }

  /**
   * The state after the first `count` records, to be used in the same turn. `rowNow` reads the volume's row.
   * Throws `bad_request` if that is inside of a commit, or too much has changed since.
   */
  async at(rowNow: () => VolumeRow, count: number): Promise<PastState> {
    // One at a time: each holds its changes in memory.
    const turn = this.#turn.then(() => this.#at(rowNow, count));
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }

  async #at(rowNow: () => VolumeRow, count: number): Promise<PastState> {
    const row = rowNow();
    const key = `${row.id} ${count}`;
    const undone = this.#known.get(key) ?? (await this.#begin(row, count));
    this.#known.delete(key);
    for (let now = row.count; undone.until < now; now = rowNow().count) {
      await this.#read(row.id, count, undone);
    }
    this.#known.set(key, undone);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size > LIMITS.pastStatesMax) this.#known.delete(oldest);
    }
    // From here on nothing waits: the map of now is that of `until`.
    if (undone.made?.count !== undone.until) {
      undone.made = { count: undone.until, nodes: this.#undo(row.id, undone) };
    }
    const { checkpoint, policy, made } = undone;
    return { checkpoint, policy, nodes: made.nodes };
  }

  async #begin(row: VolumeRow, count: number): Promise<Undone> {
    const encoded = await this.#engine.readCommitBefore(row.id, count);
    if (encoded === undefined) throw new GdpfsError('corrupt', 'cannot prove: a commit is missing');
    const { firstSeq, records, checkpoint } = decodeCommit(encoded);
    const end = firstSeq + records.length;
    if (end !== count) {
      throw new GdpfsError(
        'bad_request',
        `cannot prove the state after record ${count - 1}: it is inside of a commit, need its end`,
        { hint: `the commit ends with record ${end - 1}` },
      );
    }
    const policy = await this.#policyOf(row, parseCheckpoint(checkpoint).checkpoint.epoch);
    return { checkpoint, policy, until: count, changes: new Map(), made: undefined };
  }

  /** The record that names the key of an epoch. */
  async #policyOf({ id, epoch: newest, policy }: VolumeRow, epoch: number): Promise<Uint8Array> {
    if (epoch === newest) return policy;
    const [first] = await this.#engine.readCommits(id, { seq: 0, limit: 1 });
    const commit = first === undefined ? undefined : decodeCommit(first);
    const record = commit?.epoch === epoch ? commit.records.find(isPolicy) : undefined;
    if (record !== undefined) return record;
    throw new GdpfsError(
      'bad_request',
      `cannot prove a state that was signed in epoch ${epoch}: need the first key or the newest`,
      { hint: VERIFY_HINT },
    );
  }

  /** The next commits. */
  async #read(volume: number, count: number, undone: Undone): Promise<void> {
    const from = { seq: undone.until, limit: 1 };
    for (const encoded of await this.#engine.readCommits(volume, from)) {
      const commit = decodeCommit(encoded);
      for (const { parent, name } of this.#places(volume, count, commit)) {
        const key = stateKey(parent, name);
        const text = asBuffer(key).toString('latin1');
        if (undone.changes.has(text)) continue;
        const row = this.#entries.byName({ volume, parent, name }, count);
        const hash = row === undefined ? undefined : stateLeafHash(stateEntryOf(row));
        undone.changes.set(text, { key, hash });
      }
      if (undone.changes.size > LIMITS.undoneNamesMax) {
        throw new GdpfsError(
          'bad_request',
          `cannot prove the state after record ${count - 1}: more than ${LIMITS.undoneNamesMax} ` +
            'names have changed since',
          { hint: VERIFY_HINT },
        );
      }
      undone.until = commit.firstSeq + commit.records.length;
    }
  }

  /** Every place that a commit changed, and where what it changed was at the moment. */
  *#places(
    volume: number,
    count: number,
    { firstSeq, records }: Commit,
  ): Generator<{ readonly parent: number; readonly name: string }, void, void> {
    for (const [index, record] of records.entries()) {
      const body = decodeRecord(record);
      if (body.case !== 'dentry') continue;
      const dentry = decodeDentry(firstSeq + index, body.value);
      const before = this.#entries.placeOf(volume, dentry.node, count);
      if (before !== undefined) yield before;
      if ('parent' in dentry) yield dentry;
    }
  }

  #undo(volume: number, { changes, checkpoint }: Undone): StateNodes {
    const nodes = overlay(this.#nodes.of(volume));
    const map = new StateMap(nodes);
    map.update([...changes.values()].sort((a, b) => Buffer.compare(a.key, b.key)));
    const { state } = parseCheckpoint(checkpoint).checkpoint;
    if (state !== undefined && bytesEqual(map.root(), state)) return nodes;
    throw new GdpfsError('corrupt', 'cannot prove a past state: it is not the one that was signed');
  }
}

const VERIFY_HINT = 'without a proof it can be read, and "gdpfs verify" checks the whole volume';

function isPolicy(record: Uint8Array): boolean {
  return decodeRecord(record).case === 'volume';
}
