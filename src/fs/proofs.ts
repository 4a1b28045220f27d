import type { DatabaseSync } from 'node:sqlite';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { parseCheckpoint } from '../format/checkpoint.ts';
import type { CheckpointProof } from '../format/checkpoint-proof.ts';
import type { PastCheckpoint, StateEvidence } from '../format/state-evidence.ts';
import { signStateView } from '../format/state-view.ts';
import type { LogEngine } from '../log/engine.ts';
import type { Signer } from '../log/key-store.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { EntryTable } from './entry-table.ts';
import { evidenceOf, type EvidenceQuestion, type ProvenTree } from './evidence.ts';
import { countAt, type MomentContext } from './moment.ts';
import { PastStates } from './past-states.ts';
import { LEVEL, type Rights } from './rights.ts';
import { seenEvidenceOf } from './seen-evidence.ts';
import { Sight } from './sight.ts';
import { StateNodeTable } from './state-fold.ts';
import type { SystemView } from './system-view.ts';
import type { Moment } from './types.ts';
import type { Volumes } from './volumes.ts';

export interface ProofQuestion extends EvidenceQuestion {
  /** Records of a checkpoint that the asker trusts. */
  readonly since: number;
  /** Whose eyes see the tree. */
  readonly rights: Rights;
  readonly at?: Moment;
}

/** What shows a client that the server says what the writers of volumes have signed. */
export class Proofs {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #signer: Signer;
  readonly #entries: EntryTable;
  readonly #nodes: StateNodeTable;
  readonly #past: PastStates;
  readonly #moments: MomentContext;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly signer: Signer;
    readonly view: SystemView;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#signer = parts.signer;
    this.#entries = new EntryTable(parts.reader);
    this.#nodes = new StateNodeTable(parts.reader);
    this.#past = new PastStates(parts);
    this.#moments = parts;
  }

  /**
   * The newest checkpoint with what proves it, and that the first `since` records begin the first
   * `until`, by default all. No proof of that if the log has not so many.
   */
  checkpoint(
    volume: Uint8Array,
    { since, until }: { readonly since: number; readonly until?: number },
  ): CheckpointProof {
    const { id, checkpoint, meta, policy, count } = this.#volumes.byName(volume);
    const end = until ?? count;
    const isThere = since <= end && end <= count;
    const consistency = isThere ? this.#engine.consistency(id, { since, until: end }) : [];
    return { checkpoint, meta, policy, consistency };
  }

  /**
   * What proves, for whoever trusts the checkpoint over `since` records or the volume's name, what is
   * at the path, or in the directory there, as far as `rights` show it. Throws as `countAt` and
   * `PastStates.at` do, and `forbidden` for a part of a volume whose writer's key is not here.
   */
  async evidence(volume: Uint8Array, asked: ProofQuestion): Promise<StateEvidence> {
    const rowNow = (): VolumeRow => this.#volumes.byName(volume);
    const count = countAt(this.#moments, rowNow(), asked.at);
    const isPast = count !== undefined && count < rowNow().count;
    const state = isPast ? await this.#past.at(rowNow, count) : undefined;
    // From here on all of it is of one state: nothing else runs in between.
    const row = rowNow();
    const { id: of } = row;
    const tree: ProvenTree = {
      entries: this.#entries,
      volume: of,
      nodes: state?.nodes ?? this.#nodes.of(of),
      ...(isPast ? { at: count } : {}),
    };
    const checkpoint = this.checkpoint(volume, { since: asked.since });
    const past: PastCheckpoint | undefined = state && {
      checkpoint: state.checkpoint,
      policy: state.policy,
      consistency: this.#engine.consistency(of, { since: count ?? 0, until: row.count }),
    };
    if (asked.rights.whole >= LEVEL.read) return { checkpoint, past, ...evidenceOf(tree, asked) };
    const note = past?.checkpoint ?? checkpoint.checkpoint;
    return { checkpoint, past, ...this.#seen(row, tree, { ...asked, note }) };
  }

  #seen(
    row: VolumeRow,
    tree: ProvenTree,
    asked: ProofQuestion & { readonly note: Uint8Array },
  ): Pick<StateEvidence, 'nodes' | 'entries' | 'last' | 'view'> {
    const { origin, count, root, state } = parseCheckpoint(asked.note).checkpoint;
    if (state === undefined)
      throw new GdpfsError('not_found', 'cannot prove: nothing was changed yet');
    const { view, ...seen } = seenEvidenceOf(tree, new Sight(tree, asked.rights), {
      ...asked,
      state,
    });
    try {
      const privateKey = this.#signer.writerKey(row);
      return { ...seen, view: signStateView({ ...view, count, root }, { origin, privateKey }) };
    } catch (cause) {
      if (!isGdpfsError(cause, 'read_only')) throw cause;
      throw new GdpfsError(
        'forbidden',
        'cannot prove to who may read a part of the volume only: its key is not on the server, need "read" on all of it',
        { cause, hint: 'without a proof it can be read' },
      );
    }
  }
}
