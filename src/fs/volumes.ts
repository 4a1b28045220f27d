import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { asBuffer, base64urlEncode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { chunkingKey } from '../format/chunker.ts';
import { ZERO_DIGEST } from '../format/commit.ts';
import { Chunking, Custody, HashAlgorithm, LogKind } from '../format/generated/gdpfs_pb.js';
import { MerkleFrontier } from '../format/merkle.ts';
import { isAlias, parseVolumeReference } from '../format/path.ts';
import { encodePolicyRecord, HISTORY_DAYS_DEFAULT } from '../format/policy.ts';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import {
  decodeMeta,
  encodeRecord,
  FORMAT_VERSION,
  logName,
  NONCE_BYTES,
} from '../format/records.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { ChainState } from '../format/volume-chain.ts';
import type { LogEngine } from '../log/engine.ts';
import type { KeyRole, KeyStore, SigningKey } from '../log/key-store.ts';
import { unsigned } from '../log/transaction.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { EntryTable } from './entry-table.ts';
import type { ForeignLog } from './foreign-log.ts';
import { nextPolicy } from './key-rotation.ts';
import type { Quotas } from './quotas.ts';
import { noVolume, type RemovedVolume } from './removed-volume.ts';
import type { System } from './system.ts';
import type { QuotaRow } from './system-view.ts';
import type { ChangeContext, VolumeInfo } from './types.ts';
import { firstRules } from './volume-rules.ts';

/** The first writer key of a volume. */
const FIRST_EPOCH = 1;
const IDS_CACHED_MAX = 10_000;
const KEYS_CACHED_MAX = 1024;

/** The first two records of a log: its meta, and the owner's word on who writes. */
interface NewLog {
  readonly state: ChainState;
  readonly records: readonly Uint8Array[];
  readonly owner: SigningKey;
  readonly writer: SigningKey;
}

/** Records and keys of a new directory log or system log; nothing is stored yet. */
export function newLog(options: {
  readonly kind: ChainState['kind'];
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly chunking?: VolumeInfo['chunking'];
}): NewLog {
  const { kind, keys, chunking = 'fixed' } = options;
  const owner = keys.create();
  const writer = keys.create();
  const meta = encodeRecord({
    case: 'meta',
    value: {
      version: FORMAT_VERSION,
      kind,
      hash: HashAlgorithm.SHA256,
      nonce: new Uint8Array(randomBytes(NONCE_BYTES)),
      createdMs: BigInt(options.clock.now()),
      ownerKey: owner.publicKey,
      custody: Custody.SERVER,
      chunking: chunking === 'cdc' ? Chunking.CDC : Chunking.FIXED,
    },
  });
  const name = logName(meta);
  const policy = encodePolicyRecord({
    volume: name,
    policy: {
      epoch: FIRST_EPOCH,
      writerKey: writer.publicKey,
      historyDays: HISTORY_DAYS_DEFAULT,
      rotations: [],
      snapshots: [],
    },
    ownerKey: owner.privateKey,
  });
  const state: ChainState = {
    name,
    kind,
    ownerKey: owner.publicKey,
    writerKey: writer.publicKey,
    epoch: FIRST_EPOCH,
    policy,
    count: 0,
    frontier: new MerkleFrontier().encode(),
    previous: ZERO_DIGEST,
    timeMs: 0,
    state: undefined,
  };
  return { state, records: [meta, policy], owner, writer };
}

export interface VolumeInit extends Pick<VolumeInfo, 'alias' | 'owner' | 'chunking'> {
  /** Of a volume whose keys somebody else keeps: its beginning, which they have signed. */
  readonly foreign?: ForeignLog;
  /** Every principal may read it. */
  readonly isPublic?: boolean;
  readonly quota?: QuotaRow;
}

/** Volumes of a server: their creation, and finding them by alias or name. */
export class Volumes {
  readonly #engine: LogEngine;
  readonly #system: System;
  readonly #quotas: Quotas;
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  /** The pending state. */
  readonly #entries: EntryTable;
  readonly #ids = new Map<string, number>();
  #memory = nothingRemembered(-1);
  readonly #chunkingKeys = new Map<string, Uint8Array>();

  constructor(parts: {
    readonly engine: LogEngine;
    readonly system: System;
    readonly quotas: Quotas;
    readonly keys: KeyStore;
    readonly clock: Clock;
    readonly writer: DatabaseSync;
  }) {
    this.#entries = new EntryTable(parts.writer);
    this.#engine = parts.engine;
    this.#system = parts.system;
    this.#quotas = parts.quotas;
    this.#keys = parts.keys;
    this.#clock = parts.clock;
  }

  /** Throws `exists` if the alias is taken. */
  async create(options: VolumeInit, context: ChangeContext): Promise<VolumeInfo> {
    checkAlias(options);
    const { foreign } = options;
    const log = foreign ?? this.#newLog(options);
    const { name } = log.state;
    if (foreign?.chunkingKey !== undefined) this.#keys.saveChunkingKey(name, foreign.chunkingKey);
    const forget = (): void => {
      // A foreign log of that name may be there already, and need its key.
      if (foreign === undefined) this.#keys.remove(name);
    };
    let created: { readonly name: string };
    try {
      const { author: principal, request } = context;
      created = await this.#engine.run(
        (transaction) => {
          const { alias, owner } = options;
          if (this.#system.pending.volumeByAlias(alias) !== undefined) {
            throw new GdpfsError('exists', `cannot create volume "${alias}": the name is taken`);
          }
          if (transaction.volumes.byName(name) !== undefined) {
            throw new GdpfsError('exists', `cannot create volume "${alias}": its log exists`);
          }
          const id = transaction.createLog(log.state, log.records, foreign?.signature);
          this.#quotas.count(id, transaction.nextSeq(id));
          const entry = { name, alias, owner };
          const records: SystemRecordInit[] = [
            { body: { case: 'volume', value: entry } },
            ...firstRules(name, options),
          ];
          for (const value of records) {
            transaction.append(this.#system.volume, { case: 'system', value });
          }
          return { name: base64urlEncode(name) };
        },
        request === undefined ? {} : { request: { principal, ...request } },
      );
      this.#system.changed();
    } catch (error) {
      this.#system.changed();
      // If the volume may have become durable all the same, it needs its keys.
      if (isGdpfsError(error) && error.traits.mutated === 'no') forget();
      throw error;
    }
    // A repeated request was answered with the volume of the first one.
    if (created.name !== base64urlEncode(name)) forget();
    return this.info(this.resolve(created.name));
  }

  /**
   * Serves the volume no more, and frees its alias: grants, share links and the quota end, a change that is
   * under way is refused, and its name never comes back. Its log and chunks stay in the segments. Throws `not_found`,
   * and `not_empty` unless `force`.
   */
  async remove(
    name: Uint8Array,
    { force }: { readonly force: boolean },
    { author: principal, request }: ChangeContext,
  ): Promise<RemovedVolume> {
    const row = this.byName(name);
    try {
      return await this.#engine.run(
        (transaction) => {
          const { pending } = this.#system;
          const text = base64urlEncode(name);
          if (pending.isRemovedVolume(name)) throw noVolume(text);
          const entry = pending.volumeByName(name) ?? { name, alias: '', owner: '' };
          const { alias } = entry;
          if (!force && this.#entries.hasChildren(row.id, ROOT_NODE)) {
            const what = `cannot remove volume "${alias === '' ? text : alias}": it is not empty`;
            const hint = 'remove what is in it first, or force it';
            throw new GdpfsError('not_empty', what, { hint });
          }
          const body = { case: 'volume', value: { ...entry, removed: true } } as const;
          transaction.append(this.#system.volume, { case: 'system', value: { body } });
          return { alias, name: text };
        },
        // Nothing grows by it: it works on a full disk, too.
        { urgent: true, ...(request && { request: { principal, ...request } }) },
      );
    } finally {
      this.#system.changed();
    }
  }

  /** The keys are durable before the volume can be: a volume without its key could never change. */
  #newLog({ chunking }: VolumeInit): NewLog {
    const parts = { keys: this.#keys, clock: this.#clock };
    const log = newLog({ kind: LogKind.DIRECTORY, chunking, ...parts });
    this.#keys.save(log.state.name, log);
    return log;
  }

  /**
   * Makes a new writer or owner key and has the owner's key name it: from the commit that says so on,
   * nothing that the old key signs counts. Returns the new epoch, and how often the owner's key was
   * replaced. Throws `changed` if another was first.
   */
  async rotateKey(
    name: Uint8Array,
    role: KeyRole,
    context: ChangeContext,
  ): Promise<{ readonly epoch: number; readonly ownerRotations: number }> {
    const row = this.byName(name);
    if (row.custody === 'client') throw unsigned();
    // It is made of the first owner key, which then need not be kept.
    if (role === 'owner' && this.info(row).chunking === 'cdc') {
      this.#keys.saveChunkingKey(name, this.chunkingKey(name));
    }
    const { record, policy } = nextPolicy(row, this.#keys, role);
    const { author: principal, request } = context;
    return await this.#engine.run(
      (transaction) => {
        transaction.appendPolicy(row.id, record, policy);
        return { epoch: policy.epoch, ownerRotations: policy.rotations.length };
      },
      request === undefined ? {} : { request: { principal, ...request } },
    );
  }

  /** By alias or 43-character name, unless it was removed. Throws `not_found`. */
  resolve(reference: string): VolumeRow {
    const parsed = parseVolumeReference(reference);
    const name = parsed.kind === 'name' ? parsed.name : this.#nameOf(parsed.alias);
    const row = name === undefined ? undefined : this.#engine.volumes.byName(name);
    if (row?.kind !== LogKind.DIRECTORY || this.#isRemoved(row)) throw noVolume(reference);
    return row;
  }

  byName(name: Uint8Array): VolumeRow {
    const row = this.#engine.volumes.byName(name);
    if (row?.kind !== LogKind.DIRECTORY) throw noVolume(base64urlEncode(name));
    return row;
  }

  /** Index id of a volume: it never changes, so hot paths need not read the table for it. */
  id(name: Uint8Array): number {
    const key = asBuffer(name).toString('latin1');
    let id = this.#ids.get(key);
    if (id === undefined) {
      ({ id } = this.byName(name));
      if (this.#ids.size >= IDS_CACHED_MAX) this.#ids.clear();
      this.#ids.set(key, id);
    }
    return id;
  }

  /** What files of the volume are cut by. Throws `read_only` if the owner's key is not here. */
  chunkingKey(name: Uint8Array): Uint8Array {
    const text = asBuffer(name).toString('latin1');
    let key = this.#chunkingKeys.get(text);
    if (key === undefined) {
      key = this.#keys.chunkingKey(name) ?? chunkingKey(this.#keys.ownerSeed(name), name);
      if (this.#chunkingKeys.size >= KEYS_CACHED_MAX) this.#chunkingKeys.clear();
      this.#chunkingKeys.set(text, key);
    }
    return key;
  }

  list(): VolumeInfo[] {
    return this.#system.view.volumes().flatMap(({ name }) => {
      const row = this.#engine.volumes.byName(name);
      return row === undefined ? [] : [this.info(row)];
    });
  }

  info(row: VolumeRow): VolumeInfo {
    const { described } = this.#remembered();
    let known = described.get(row.id);
    if (known === undefined) {
      known = this.#describe(row);
      described.set(row.id, known);
    }
    return { ...known, count: row.count };
  }

  #describe({ name, meta: bytes, custody }: VolumeRow): Omit<VolumeInfo, 'count'> {
    const meta = decodeMeta(bytes, LogKind.DIRECTORY);
    const entry = this.#system.view.volumeByName(name);
    return {
      name,
      alias: entry?.alias ?? '',
      owner: entry?.owner ?? '',
      custody,
      chunking: meta.chunking === Chunking.CDC ? 'cdc' : 'fixed',
      createdMs: Number(meta.createdMs),
    };
  }

  #isRemoved({ id, name }: VolumeRow): boolean {
    const { removed } = this.#remembered();
    let known = removed.get(id);
    if (known === undefined) {
      known = this.#system.view.isRemovedVolume(name);
      removed.set(id, known);
    }
    return known;
  }

  #nameOf(alias: string): Uint8Array | undefined {
    const { names } = this.#remembered();
    const known = names.get(alias) ?? this.#system.view.volumeByAlias(alias)?.name;
    if (known !== undefined) names.set(alias, known);
    return known;
  }

  /** Every request asks for a volume: what the system log says is read again when that has changed. */
  #remembered(): Remembered {
    const { epoch } = this.#system;
    const { described, removed } = this.#memory;
    const isFull = Math.max(described.size, removed.size) >= IDS_CACHED_MAX;
    if (this.#memory.epoch !== epoch || isFull) {
      this.#memory = nothingRemembered(epoch);
    }
    return this.#memory;
  }
}

/** Of volumes that exist; true as long as the system log has this epoch. */
interface Remembered {
  readonly epoch: number;
  /** By alias. */
  readonly names: Map<string, Uint8Array>;
  /** By index id. */
  readonly described: Map<number, Omit<VolumeInfo, 'count'>>;
  /** By index id: is it served no more? */
  readonly removed: Map<number, boolean>;
}

function nothingRemembered(epoch: number): Remembered {
  return { epoch, names: new Map(), described: new Map(), removed: new Map() };
}

function checkAlias({ alias }: Pick<VolumeInfo, 'alias'>): void {
  if (!isAlias(alias)) {
    throw new GdpfsError(
      'bad_request',
      `cannot create volume "${alias}": not a volume name, need 1 to 32 of a-z, 0-9 and "-"`,
    );
  }
}
