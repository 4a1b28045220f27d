import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { asBuffer } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { Custody, LogKind } from '../format/generated/gdpfs_pb.js';
import { decodeMeta } from '../format/records.ts';
import type { ChainState } from '../format/volume-chain.ts';
import { prepareAll } from '../storage/index-db.ts';

/** A directory log or system log as the index knows it. */
export interface VolumeRow extends ChainState {
  /** Short name used as key in the index only. */
  readonly id: number;
  /** Newest signed note. */
  readonly checkpoint: Uint8Array;
  /** First record of the log. */
  readonly meta: Uint8Array;
  readonly damage: string | undefined;
  /** Who has the writer key: this server, or those who change the log. */
  readonly custody: 'server' | 'client';
}

const SQL = {
  byName: 'SELECT * FROM volume WHERE name = ?',
  byId: 'SELECT * FROM volume WHERE id = ?',
  byKind: 'SELECT * FROM volume WHERE kind = ? ORDER BY id',
  insert: `INSERT INTO volume
    (name, kind, owner_key, writer_key, epoch, policy, count, frontier, previous, time_ms, state, checkpoint,
      meta)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  update: `UPDATE volume SET writer_key = ?, epoch = ?, policy = ?, count = ?, frontier = ?, previous = ?,
    time_ms = ?, state = ?, checkpoint = ? WHERE id = ?`,
  damage: 'UPDATE volume SET damage = ? WHERE id = ? AND damage IS NULL',
  damageAll: 'UPDATE volume SET damage = ? WHERE damage IS NULL',
  damaged: 'SELECT name, damage FROM volume WHERE damage IS NOT NULL',
  clearDamage: 'UPDATE volume SET damage = NULL WHERE id = ?',
} as const;

/** Access to the volume table through one connection. */
export class VolumeTable {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  /** By name, which says it for good. */
  readonly #custodies = new Map<string, VolumeRow['custody']>();

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  byName(name: Uint8Array): VolumeRow | undefined {
    return this.#row(this.#sql.byName.get(name));
  }

  byId(id: number): VolumeRow | undefined {
    return this.#row(this.#sql.byId.get(id));
  }

  all(kind: ChainState['kind']): VolumeRow[] {
    return this.#sql.byKind.all(kind).flatMap((row) => this.#row(row) ?? []);
  }

  #row(row: Row | undefined): VolumeRow | undefined {
    if (row === undefined) return undefined;
    const key = asBuffer(row['name'] as Uint8Array).toString('latin1');
    let custody = this.#custodies.get(key);
    if (custody === undefined) {
      custody = custodyOf(row);
      if (this.#custodies.size >= CUSTODIES_CACHED_MAX) this.#custodies.clear();
      this.#custodies.set(key, custody);
    }
    return asRow(row, custody);
  }

  /** Returns the new id. */
  insert(state: ChainState, meta: Uint8Array): number {
    const { lastInsertRowid } = this.#sql.insert.run(
      state.name,
      state.kind,
      state.ownerKey,
      state.writerKey,
      state.epoch,
      state.policy,
      state.count,
      state.frontier,
      state.previous,
      state.timeMs,
      state.state ?? null,
      new Uint8Array(0),
      meta,
    );
    return Number(lastInsertRowid);
  }

  update(id: number, state: ChainState, checkpoint: Uint8Array): void {
    this.#sql.update.run(
      state.writerKey,
      state.epoch,
      state.policy,
      state.count,
      state.frontier,
      state.previous,
      state.timeMs,
      state.state ?? null,
      checkpoint,
      id,
    );
  }

  /** Closes the volume, or all of them, for writing. The first reason stays. */
  markDamaged(reason: string, id?: number): void {
    if (id === undefined) this.#sql.damageAll.run(reason);
    else this.#sql.damage.run(reason, id);
  }

  /** The damage of each volume that has any, by name as latin1 text. */
  damaged(): Map<string, string> {
    return new Map(
      this.#sql.damaged.all().map((row) => {
        return [asBuffer(row['name'] as Uint8Array).toString('latin1'), String(row['damage'])];
      }),
    );
  }

  /** The volume turned out to be sound. */
  clearDamage(id: number): void {
    this.#sql.clearDamage.run(id);
  }
}

/** A volume that has lost something is closed for writing: more would only bury it. */
export function volumeDamaged(damage: string): GdpfsError {
  return new GdpfsError('read_only', `cannot write volume: ${damage}`, {
    hint: 'run `gdpfs fsck --data DIR` on the server to see what is damaged',
  });
}

type Row = Record<string, SQLOutputValue>;

const CUSTODIES_CACHED_MAX = 10_000;

function custodyOf(row: Row): VolumeRow['custody'] {
  const meta = decodeMeta(row['meta'] as Uint8Array, kindOf(row));
  return meta.custody === Custody.CLIENT ? 'client' : 'server';
}

function kindOf(row: Row): ChainState['kind'] {
  return row['kind'] === LogKind.SYSTEM ? LogKind.SYSTEM : LogKind.DIRECTORY;
}

function asRow(row: Row, custody: VolumeRow['custody']): VolumeRow {
  const damage = row['damage'];
  return {
    id: Number(row['id']),
    name: row['name'] as Uint8Array,
    kind: kindOf(row),
    ownerKey: row['owner_key'] as Uint8Array,
    writerKey: row['writer_key'] as Uint8Array,
    epoch: Number(row['epoch']),
    policy: row['policy'] as Uint8Array,
    count: Number(row['count']),
    frontier: row['frontier'] as Uint8Array,
    previous: row['previous'] as Uint8Array,
    timeMs: Number(row['time_ms']),
    state: row['state'] instanceof Uint8Array ? row['state'] : undefined,
    checkpoint: row['checkpoint'] as Uint8Array,
    meta: row['meta'] as Uint8Array,
    damage: typeof damage === 'string' ? damage : undefined,
    custody,
  };
}
