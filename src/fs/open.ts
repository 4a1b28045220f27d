import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import type { LogEngine } from '../log/engine.ts';
import type { EngineStatus } from '../log/engine-status.ts';
import type { Fold, PlacedRecord } from '../log/fold.ts';
import { KeyStore } from '../log/key-store.ts';
import { openLog } from '../log/open.ts';
import type { WaitingLimits } from '../log/waiting-rows.ts';
import type { Disk } from '../storage/disk.ts';
import type { SegmentLimits } from '../storage/segment-writer.ts';
import { Changer } from './changer.ts';
import { Collection } from './collection.ts';
import { type DentryTables, foldDentry, LastDirectory } from './dentry-fold.ts';
import { EntryTable } from './entry-table.ts';
import { Feed } from './feed.ts';
import { FileSystem } from './file-system.ts';
import { History } from './history.ts';
import { Policies } from './policies.ts';
import { Proofs } from './proofs.ts';
import { FS_SCHEMA } from './schema.ts';
import { SignedChanges } from './signed-changes.ts';
import { StateFold } from './state-fold.ts';

import { Quotas } from './quotas.ts';
import { System } from './system.ts';
import { SystemFold } from './system-fold.ts';
import { Uploads } from './uploads.ts';
import { newLog, Volumes } from './volumes.ts';

export interface OpenOptions {
  /** Folder of the store. Made if missing. */
  readonly directory: string;
  /** Folder of the private keys, apart from the data. Made if missing. */
  readonly keysDirectory: string;
  readonly clock: Clock;
  /** Told of what recovery found that an operator should know. */
  readonly warn: (message: string) => void;
  /** Ends the reading of the segments; opening throws its reason then, and may be tried again. */
  readonly signal?: AbortSignal;
  /** Throw the index away first and read everything again. */
  readonly rebuild?: boolean;
  /** Another disk for the segments; by default the folder itself. */
  readonly disk?: Disk;
  /** When a segment is full; by default that of LIMITS. */
  readonly segmentLimits?: SegmentLimits;
  /** How many rows wait for the index; by default as LIMITS says. */
  readonly waitingLimits?: WaitingLimits;
}

/** An open store. Dispose of it to finish what was accepted and release its lock. */
export interface OpenedFileSystem extends AsyncDisposable {
  readonly fs: FileSystem;
  readonly system: System;
  readonly policies: Policies;
  readonly proofs: Proofs;
  readonly history: History;
  readonly feed: Feed;
  readonly signed: SignedChanges;
  /** Frees what is kept no more. */
  readonly collection: Collection;
  /** Places where the segments do not hold what was written to them. */
  readonly damageCount: number;
  readonly status: EngineStatus;
}

/** Opens the store in a folder, recovering it first. Throws `locked`, `corrupt`. */
export async function openFileSystem(options: OpenOptions): Promise<OpenedFileSystem> {
  const { clock } = options;
  const keys = new KeyStore(options.keysDirectory);
  const fold = new FileSystemFold();
  const { keysDirectory: _, ...logOptions } = options;
  const log = await openLog({ ...logOptions, signer: keys, fold, schema: FS_SCHEMA });
  try {
    const { engine, reader, writer } = log;
    const volume = await systemVolume(engine, { keys, clock, damageCount: log.damageCount });
    const system = new System({ engine, volume, reader, writer });
    const quotas = new Quotas({ engine, system, reader, writer });
    const volumes = new Volumes({ engine, system, quotas, keys, clock, writer });
    const proofs = new Proofs({ engine, volumes, signer: keys, view: system.view, reader });
    const changer = new Changer({ engine, system, quotas, clock, reader, writer });
    const uploads = new Uploads({ engine, clock, reader, writer });
    return {
      fs: new FileSystem({ engine, volumes, uploads, quotas, changer, view: system.view, reader }),
      system,
      policies: new Policies({ engine, system, volumes, keys, clock }),
      proofs,
      signed: new SignedChanges({ engine, system, volumes, changer, proofs, clock, writer }),
      history: new History({ engine, volumes, proofs, reader }),
      feed: new Feed({ engine, volumes, system, reader }),
      collection: new Collection({ engine, system, uploads, clock, reader }),
      damageCount: log.damageCount,
      get status() {
        return engine.status;
      },
      [Symbol.asyncDispose]: async () => log[Symbol.asyncDispose](),
    };
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

interface FoldTables extends DentryTables {
  readonly system: SystemFold;
}

/** Sends each record to the fold of its kind. */
class FileSystemFold implements Fold {
  #tables: FoldTables | undefined;

  apply(database: DatabaseSync, record: PlacedRecord): void {
    const tables = this.#open(database);
    const { volume, seq, body } = record;
    if (body.case === 'dentry') foldDentry(tables, { volume, seq }, body.value);
    else if (body.case === 'system') tables.system.apply(body.value);
  }

  mark(): number {
    return this.#tables?.state.length ?? 0;
  }

  rollback(mark: number): void {
    this.#tables?.state.cut(mark);
    this.#tables?.last.forget();
  }

  settle(database: DatabaseSync): void {
    this.#open(database).state.settle();
  }

  stateRoot(database: DatabaseSync, volume: number): Uint8Array {
    return this.#open(database).state.root(volume);
  }

  /** The same connection for the life of the store: the statements are prepared once. */
  #open(database: DatabaseSync): FoldTables {
    this.#tables ??= {
      entries: new EntryTable(database),
      state: new StateFold(database),
      last: new LastDirectory(),
      system: new SystemFold(database),
    };
    return this.#tables;
  }
}

/** Index id of the system log; made at the first start. */
async function systemVolume(
  engine: LogEngine,
  options: { readonly keys: KeyStore; readonly clock: Clock; readonly damageCount: number },
): Promise<number> {
  const [existing] = engine.volumes.all(LogKind.SYSTEM);
  if (existing !== undefined) return existing.id;
  if (options.damageCount > 0) {
    throw new GdpfsError(
      'corrupt',
      'cannot open store: its system log is damaged, or signed by a key that is not in the keys folder',
    );
  }
  const log = newLog({ kind: LogKind.SYSTEM, ...options });
  options.keys.save(log.state.name, log);
  return await engine.run((transaction) => transaction.createLog(log.state, log.records));
}
