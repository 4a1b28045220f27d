import type { DatabaseSync } from 'node:sqlite';
import type { CheckpointProof } from '../format/checkpoint-proof.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import type { LogEngine } from '../log/engine.ts';
import { EntryTable } from './entry-table.ts';
import { type EvidenceQuestion, evidenceOf } from './evidence.ts';
import { StateNodeTable } from './state-fold.ts';
import type { Volumes } from './volumes.ts';

/** What shows a client that the server says what the writers of volumes have signed. */
export class Proofs {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #entries: EntryTable;
  readonly #nodes: StateNodeTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#entries = new EntryTable(parts.reader);
    this.#nodes = new StateNodeTable(parts.reader);
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
   * at the path, or in the directory there.
   */
  evidence(
    volume: Uint8Array,
    asked: EvidenceQuestion & { readonly since: number },
  ): StateEvidence {
    // All of it is of one state: nothing else runs in between.
    const checkpoint = this.checkpoint(volume, { since: asked.since });
    const { id } = this.#volumes.byName(volume);
    const tree = { entries: this.#entries, nodes: this.#nodes.of(id), volume: id };
    return { checkpoint, ...evidenceOf(tree, asked) };
  }
}
