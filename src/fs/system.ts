import type { DatabaseSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';
import type { Role } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/records.ts';
import type { LogEngine, RunOptions } from '../log/engine.ts';
import { prepareAll } from '../storage/index-db.ts';

export interface PrincipalRow {
  readonly name: string;
  readonly role: Role;
  readonly createdMs: number;
}

export interface InvitationRow {
  readonly secretDigest: Uint8Array;
  readonly principal: string;
  readonly role: Role;
  readonly expiresMs: number;
  readonly used: boolean;
}

export interface CertificateRow {
  readonly serial: Uint8Array;
  readonly principal: string;
  readonly expiresMs: number;
  readonly enrolment: Uint8Array;
}

export interface VolumeEntryRow {
  readonly name: Uint8Array;
  readonly alias: string;
  /** Principal. */
  readonly owner: string;
}

const SQL = {
  principal: 'SELECT * FROM principal WHERE name = ?',
  anyPrincipal: 'SELECT 1 FROM principal LIMIT 1',
  invitation: 'SELECT * FROM invitation WHERE secret_digest = ?',
  certificate: 'SELECT * FROM certificate WHERE serial = ?',
  byAlias: 'SELECT * FROM volume_entry WHERE alias = ?',
  byName: 'SELECT * FROM volume_entry WHERE name = ? ORDER BY alias LIMIT 1',
  all: 'SELECT * FROM volume_entry ORDER BY alias',
  byOwner: 'SELECT * FROM volume_entry WHERE owner = ? ORDER BY alias',
  isRevoked: `SELECT 1 FROM revoked_principal WHERE principal = ?
    UNION ALL SELECT 1 FROM revoked_enrolment WHERE enrolment = ?`,
} as const;

/** The state of the system log, through one connection of the index. */
export class SystemView {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  principal(name: string): PrincipalRow | undefined {
    const row = this.#sql.principal.get(name);
    if (row === undefined) return undefined;
    return { name, role: Number(row['role']), createdMs: Number(row['created_ms']) };
  }

  /** Has anyone ever been enrolled? */
  hasPrincipals(): boolean {
    return this.#sql.anyPrincipal.get() !== undefined;
  }

  invitation(secretDigest: Uint8Array): InvitationRow | undefined {
    const row = this.#sql.invitation.get(secretDigest);
    if (row === undefined) return undefined;
    return {
      secretDigest,
      principal: String(row['principal']),
      role: Number(row['role']),
      expiresMs: Number(row['expires_ms']),
      used: row['used'] === 1,
    };
  }

  certificate(serial: Uint8Array): CertificateRow | undefined {
    const row = this.#sql.certificate.get(serial);
    if (row === undefined) return undefined;
    return {
      serial,
      principal: String(row['principal']),
      expiresMs: Number(row['expires_ms']),
      enrolment: row['enrolment'] as Uint8Array,
    };
  }

  isRevoked(subject: { readonly principal: string; readonly enrolment: Uint8Array }): boolean {
    return this.#sql.isRevoked.get(subject.principal, subject.enrolment) !== undefined;
  }

  volumeByAlias(alias: string): VolumeEntryRow | undefined {
    return asVolumeEntry(this.#sql.byAlias.get(alias));
  }

  volumeByName(name: Uint8Array): VolumeEntryRow | undefined {
    return asVolumeEntry(this.#sql.byName.get(name));
  }

  /** In the order of the aliases; of one owner, or all. */
  volumes(owner?: string): VolumeEntryRow[] {
    const rows = owner === undefined ? this.#sql.all.all() : this.#sql.byOwner.all(owner);
    return rows.flatMap((row) => asVolumeEntry(row) ?? []);
  }
}

/** The server's own log: principals, invitations, aliases, revocations (DESIGN §4). */
export class System {
  readonly #engine: LogEngine;
  readonly #volume: number;
  readonly #pending: SystemView;
  /** What is durable. */
  readonly view: SystemView;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volume: number;
    readonly reader: DatabaseSync;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volume = parts.volume;
    this.view = new SystemView(parts.reader);
    this.#pending = new SystemView(parts.writer);
  }

  /**
   * Runs `plan` in its turn, against the pending state, and appends the records that it returns.
   * Durable when this resolves; if `plan` throws, nothing happened.
   */
  async change<T>(
    plan: (state: SystemView) => {
      readonly records: readonly SystemRecordInit[];
      readonly result: T;
    },
    options: RunOptions = {},
  ): Promise<T> {
    return await this.#engine.run((transaction) => {
      const { records, result } = plan(this.#pending);
      for (const value of records) transaction.append(this.#volume, { case: 'system', value });
      return result;
    }, options);
  }

  /** Index id of the system log, to append to it beside other logs in one transaction. */
  get volume(): number {
    return this.#volume;
  }

  /** The pending state; only inside a plan. */
  get pending(): SystemView {
    return this.#pending;
  }
}

const FOLD_SQL = {
  principal: 'INSERT OR REPLACE INTO principal (name, role, created_ms) VALUES (?, ?, ?)',
  invitation: `INSERT OR REPLACE INTO invitation (secret_digest, principal, role, expires_ms, used)
    VALUES (?, ?, ?, ?, ?)`,
  certificate: `INSERT OR REPLACE INTO certificate (serial, principal, expires_ms, enrolment)
    VALUES (?, ?, ?, ?)`,
  volume: 'INSERT OR REPLACE INTO volume_entry (alias, name, owner) VALUES (?, ?, ?)',
  revokePrincipal: 'INSERT OR REPLACE INTO revoked_principal (principal) VALUES (?)',
  revokeEnrolment: 'INSERT OR REPLACE INTO revoked_enrolment (enrolment) VALUES (?)',
} as const;

/** The fold from system records to their tables: the last record about a thing counts. */
export class SystemFold {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof FOLD_SQL>>;

  constructor(writer: DatabaseSync) {
    this.#sql = prepareAll(writer, FOLD_SQL);
  }

  apply(record: SystemRecordInit): void {
    const body = record.body;
    switch (body?.case) {
      case 'principal': {
        const { name = '', role = 0, createdMs = 0n } = body.value;
        this.#sql.principal.run(name, role, createdMs);
        return;
      }
      case 'invitation': {
        const { secretDigest = NOTHING, principal = '', role = 0, expiresMs = 0n } = body.value;
        const used = body.value.used === true ? 1 : 0;
        this.#sql.invitation.run(secretDigest, principal, role, expiresMs, used);
        return;
      }
      case 'certificate': {
        const {
          serial = NOTHING,
          principal = '',
          expiresMs = 0n,
          enrolment = NOTHING,
        } = body.value;
        this.#sql.certificate.run(serial, principal, expiresMs, enrolment);
        return;
      }
      case 'volume': {
        const { name = NOTHING, alias = '', owner = '' } = body.value;
        this.#sql.volume.run(alias, name, owner);
        return;
      }
      case 'revocation': {
        const { principal = '', enrolment = NOTHING } = body.value;
        if (principal !== '') this.#sql.revokePrincipal.run(principal);
        if (enrolment.length > 0) this.#sql.revokeEnrolment.run(enrolment);
        return;
      }
      default:
        throw new GdpfsError('corrupt', 'cannot apply system record: its kind is unknown');
    }
  }
}

const NOTHING = new Uint8Array(0);

function asVolumeEntry(row: Record<string, unknown> | undefined): VolumeEntryRow | undefined {
  if (row === undefined) return undefined;
  return {
    name: row['name'] as Uint8Array,
    alias: String(row['alias']),
    owner: String(row['owner']),
  };
}
