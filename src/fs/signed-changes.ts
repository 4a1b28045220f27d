import type { DatabaseSync } from 'node:sqlite';
import { bytesEqual } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { type Policy, verifyPolicy } from '../format/policy.ts';
import type { PreparedCommit, PreparedPart } from '../format/prepared-commit.ts';
import { decodeRecord } from '../format/records.ts';
import type { LogEngine } from '../log/engine.ts';
import type { Staged } from '../log/staged.ts';
import type { Transaction } from '../log/transaction.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { type ChangeTurn, type Changer, runOptions } from './changer.ts';
import type { PreparedChange } from './changes.ts';
import { requireNamedKept } from './kept-states.ts';
import { LookedAt } from './looked-at.ts';
import { ownMemory } from './own-memory.ts';
import type { Proofs } from './proofs.ts';
import { StateNodeTable } from './state-fold.ts';
import type { System } from './system.ts';
import type { Change, ChangeContext, ChangeResult } from './types.ts';
import type { Volumes } from './volumes.ts';

/** What a writer is to sign: a change, or a policy. */
export type Wish =
  | Change
  | { readonly kind: 'policy'; readonly record: Uint8Array; readonly policy: Policy };

/** A change that was planned and taken back. It can be made as long as the volume stays as it was. */
export interface Preparation {
  readonly row: VolumeRow;
  readonly wish: Wish;
  readonly prepared: PreparedChange | Extract<Wish, { kind: 'policy' }>;
  readonly nowMs: number;
  /** Of the checkpoint. */
  readonly timeMs: number;
  /** The volume before it. */
  readonly base: VolumeRow;
  /** What it adds. */
  readonly staged: Pick<Staged, 'records' | 'parts'>;
  readonly parts: readonly PreparedPart[];
  readonly evidence: Pick<PreparedCommit['evidence'], 'nodes' | 'entries'>;
  /** Memory that it takes, about. */
  readonly bytes: number;
}

/** What a change costs in memory beside its records. */
const CHANGE_BYTES = 512;

/** Changes of volumes whose writer key is not here. */
export class SignedChanges {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #changer: Changer;
  readonly #proofs: Proofs;
  readonly #system: System;
  readonly #clock: Clock;
  /** As the open transaction sees them. */
  readonly #nodes: StateNodeTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly changer: Changer;
    readonly proofs: Proofs;
    readonly system: System;
    readonly clock: Clock;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#changer = parts.changer;
    this.#proofs = parts.proofs;
    this.#system = parts.system;
    this.#clock = parts.clock;
    this.#nodes = new StateNodeTable(parts.writer);
  }

  /** `Changer.firstResult`. */
  firstResult(context: ChangeContext): ChangeResult | undefined {
    return this.#changer.firstResult(context);
  }

  /** The wish for a policy record that the volume's owner has signed. Throws `bad_request`. */
  policyWish(volume: Uint8Array, record: Uint8Array): Extract<Wish, { kind: 'policy' }> {
    const { name, ownerKey } = this.#volumes.byName(volume);
    try {
      const body = decodeRecord(record);
      if (body.case !== 'volume') throw new GdpfsError('corrupt', `it is a ${body.case}`);
      return { kind: 'policy', record, policy: verifyPolicy(name, ownerKey, body.value) };
    } catch (error) {
      if (!isGdpfsError(error, 'corrupt', 'untrusted')) throw error;
      throw new GdpfsError('bad_request', `cannot change keys or policy: ${error.message}`);
    }
  }

  /** Plans the change and takes it back. Throws what would refuse it. */
  async prepare(volume: Uint8Array, wish: Wish, context: ChangeContext): Promise<Preparation> {
    const own = wish.kind === 'policy' ? wish : ownMemory(wish);
    return await this.#changer.withLogs(async (logs) => {
      const row = this.#volumes.byName(volume);
      const prepared = own.kind === 'policy' ? own : await this.#changer.prepare(row, own, logs);
      const nowMs = this.#clock.now();
      const { base, staged, looked } = await this.#try({ row, nowMs, prepared }, context);
      const timeMs = Math.max(nowMs, base.timeMs);
      const parts = await this.#partsOf(row, prepared, staged);
      const records = [...staged.records, ...staged.parts.flatMap((part) => part.records)];
      const bytes = records.reduce((sum, { length }) => sum + length + CHANGE_BYTES, CHANGE_BYTES);
      const evidence = looked;
      return { row, wish: own, prepared, nowMs, timeMs, base, staged, parts, evidence, bytes };
    });
  }

  /** What proves a preparation to who knows the checkpoint over `since` records. */
  offer(
    id: Uint8Array,
    { row, timeMs, base, staged, parts, evidence }: Preparation,
    since: number,
  ): PreparedCommit {
    const { records } = staged;
    const proof = this.#proofs.checkpoint(row.name, { since, until: base.count });
    const { checkpoint, meta, policy } = base;
    return {
      id,
      timeMs,
      frontier: base.frontier,
      records,
      parts,
      evidence: { checkpoint: { ...proof, checkpoint, meta, policy }, ...evidence, last: '' },
    };
  }

  /**
   * Makes the change, if `note` is its checkpoint, signed by the volume's writer. Undefined if the volume
   * is not as it was any more. Throws `forbidden`, `wrong_root`, and what would refuse it now.
   */
  async commit(
    preparation: Preparation,
    note: Uint8Array,
    context: ChangeContext,
  ): Promise<ChangeResult | undefined> {
    const { row, prepared, base, timeMs } = preparation;
    try {
      return await this.#engine.run(
        (transaction) => {
          const { volume } = transaction.peek(row.id);
          if (!bytesEqual(volume.previous, base.previous)) throw new BaseMoved();
          return this.#plan(transaction, preparation, context);
        },
        { ...runOptions(prepared, context), signature: { volume: row.id, note, timeMs } },
      );
    } catch (error) {
      if (error instanceof BaseMoved) return undefined;
      throw error;
    }
  }

  #try(
    planned: Pick<Preparation, 'row' | 'nowMs' | 'prepared'>,
    context: ChangeContext,
  ): Promise<Pick<Preparation, 'base' | 'staged'> & { looked: Preparation['evidence'] }> {
    const { row } = planned;
    return this.#engine.try((transaction) => {
      transaction.leaveToSigner(row.id);
      const base = transaction.peek(row.id).volume;
      const looked = new LookedAt(row.id, base.count);
      this.#changer.entries.watcher = looked;
      try {
        this.#plan(transaction, planned, context);
      } finally {
        this.#changer.entries.watcher = undefined;
      }
      return {
        base,
        staged: transaction.peek(row.id),
        looked: looked.evidence(this.#nodes.of(row.id)),
      };
    });
  }

  #plan(
    transaction: Transaction,
    { row, nowMs, prepared }: Pick<Preparation, 'row' | 'nowMs' | 'prepared'>,
    context: ChangeContext,
  ): ChangeResult {
    const turn: ChangeTurn = { transaction, row, nowUs: nowMs * 1000 };
    if (prepared.kind !== 'policy') return this.#changer.plan(turn, prepared, context);
    const { record, policy } = prepared;
    requireNamedKept(transaction.stateOf(row.id), this.#system.pending, policy);
    transaction.appendPolicy(row.id, record, policy);
    return { seq: transaction.nextSeq(row.id) - 1, node: 0, count: 1 };
  }

  /** Records of file logs that the client has not sent itself. */
  async #partsOf(
    row: VolumeRow,
    prepared: Preparation['prepared'],
    staged: Preparation['staged'],
  ): Promise<PreparedPart[]> {
    if (prepared.kind === 'put' && !prepared.prepared.isOwn) return [];
    return await Promise.all(
      staged.parts.map(async (part) => {
        const frontier = new MerkleFrontier();
        if (part.firstSeq === 0) return { ...part, frontier: NO_FRONTIER };
        const before = await this.#engine.readFileLog(row.id, part.log, part.firstSeq);
        for (const record of before) frontier.append(leafHash(record));
        return { ...part, frontier: frontier.encode() };
      }),
    );
  }
}

const NO_FRONTIER = new Uint8Array(0);

/** Thrown by a plan to say that the volume is not as it was. */
class BaseMoved extends Error {}
