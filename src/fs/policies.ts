import type { Clock } from '../base/clock.ts';
import { encodePolicyRecord, ownerAfter, type Policy } from '../format/policy.ts';
import { changedPolicy, type PolicyChange, policyOf } from '../format/policy-change.ts';
import type { LogEngine } from '../log/engine.ts';
import type { KeyStore } from '../log/key-store.ts';
import type { Transaction } from '../log/transaction.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { countAt } from './moment.ts';
import type { System } from './system.ts';
import type { ChangeContext, Moment } from './types.ts';
import type { Volumes } from './volumes.ts';

/** A change of what is kept of a volume, as somebody asks for it. */
export type PolicyWish =
  | Exclude<PolicyChange, { kind: 'snapshot' }>
  /** The newest state if `at` is absent. */
  | { readonly kind: 'snapshot'; readonly name: string; readonly at?: Moment };

/** What the owners of volumes have said is kept of them. */
export class Policies {
  readonly #engine: LogEngine;
  readonly #system: System;
  readonly #volumes: Volumes;
  readonly #keys: KeyStore;
  readonly #clock: Clock;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly system: System;
    readonly volumes: Volumes;
    readonly keys: KeyStore;
    readonly clock: Clock;
  }) {
    this.#engine = parts.engine;
    this.#system = parts.system;
    this.#volumes = parts.volumes;
    this.#keys = parts.keys;
    this.#clock = parts.clock;
  }

  /** The one in force. */
  of(volume: Uint8Array): Policy {
    return policyOf(this.#volumes.byName(volume));
  }

  /**
   * Signs the change with the owner's key. Throws `read_only` if that is not here, as `changedPolicy` does,
   * and as `countAt` for a moment.
   */
  async change(volume: Uint8Array, wish: PolicyWish, context: ChangeContext): Promise<void> {
    const { id } = this.#volumes.byName(volume);
    const { author: principal, request } = context;
    await this.#engine.run(
      (transaction) => {
        const row = transaction.stateOf(id);
        const policy = changedPolicy(policyOf(row), this.#resolve(row, wish, transaction));
        if (policy !== undefined) transaction.appendPolicy(id, this.#sign(row, policy), policy);
        return { seq: transaction.nextSeq(id) - 1 };
      },
      request === undefined ? {} : { request: { principal, ...request } },
    );
  }

  #resolve(row: VolumeRow, wish: PolicyWish, transaction: Transaction): PolicyChange {
    if (wish.kind !== 'snapshot') return wish;
    const { kind, name, at } = wish;
    const context = { engine: this.#engine, view: this.#system.pending };
    const count = countAt(context, row, at) ?? transaction.nextSeq(row.id);
    return { kind, snapshot: { name, seq: count - 1, createdMs: this.#clock.now() } };
  }

  #sign({ name, ownerKey: first, policy: before }: VolumeRow, policy: Policy): Uint8Array {
    const ownerKey = ownerAfter(before)?.ownerKey ?? first;
    const key = this.#keys.ownerKey({ name, ownerKey });
    return encodePolicyRecord({ volume: name, policy, ownerKey: key });
  }
}
