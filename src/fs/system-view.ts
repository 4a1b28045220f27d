import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Permission, Role } from '../format/generated/gdpfs_pb.js';
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
  /** Of the home volume that it makes. */
  readonly quota: QuotaRow;
  /** Of the certificates that come from it; 0: as usual. */
  readonly lifeMs: number;
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

export interface GrantRow {
  readonly volume: Uint8Array;
  readonly node: number;
  /** A principal, `group:` and a group, or `*`. */
  readonly subject: string;
  readonly permission: Permission;
}

/** 0: no limit. */
export interface QuotaRow {
  readonly bytes: number;
  readonly entries: number;
}

export interface ShareLinkRow {
  readonly secretDigest: Uint8Array;
  readonly volume: Uint8Array;
  readonly node: number;
  /** Principal. */
  readonly author: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly revoked: boolean;
}

const SQL = {
  principal: 'SELECT * FROM principal WHERE name = ?',
  anyPrincipal: 'SELECT 1 FROM principal LIMIT 1',
  principals: 'SELECT * FROM principal ORDER BY name',
  invitation: 'SELECT * FROM invitation WHERE secret_digest = ?',
  certificate: 'SELECT * FROM certificate WHERE serial = ?',
  certificates: 'SELECT * FROM certificate WHERE principal = ? ORDER BY expires_ms, serial',
  byAlias: 'SELECT * FROM volume_entry WHERE alias = ?',
  byName: 'SELECT * FROM volume_entry WHERE name = ? ORDER BY alias LIMIT 1',
  isRemoved: 'SELECT 1 FROM removed_volume WHERE name = ?',
  all: 'SELECT * FROM volume_entry ORDER BY alias',
  byOwner: 'SELECT * FROM volume_entry WHERE owner = ? ORDER BY alias',
  isRevoked: `SELECT 1 FROM revoked_principal WHERE principal = ?
    UNION ALL SELECT 1 FROM revoked_enrolment WHERE enrolment = ?`,
  group: 'SELECT 1 FROM principal_group WHERE name = ?',
  groups: 'SELECT name FROM principal_group ORDER BY name',
  members: 'SELECT principal FROM membership WHERE group_name = ? ORDER BY principal',
  groupsOf: 'SELECT group_name FROM membership WHERE principal = ? ORDER BY group_name',
  grants: 'SELECT * FROM access_grant WHERE volume = ? ORDER BY node, subject',
  grantsTo: 'SELECT * FROM access_grant WHERE subject = ? ORDER BY volume, node',
  grantsIn: 'SELECT * FROM access_grant WHERE subject = ? AND volume = ?',
  trim: 'SELECT seq FROM trim_point WHERE volume = ?',
  quota: 'SELECT bytes, entries FROM quota WHERE volume = ?',
  shareLink: 'SELECT * FROM share_link WHERE secret_digest = ?',
  shareLinks: 'SELECT * FROM share_link ORDER BY created_ms, secret_digest',
} as const;

/** The state of the system log, through one connection of the index. */
export class SystemView {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  principal(name: string): PrincipalRow | undefined {
    const row = this.#sql.principal.get(name);
    return row === undefined ? undefined : asPrincipal(row);
  }

  /** In the order of their names. */
  principals(): PrincipalRow[] {
    return this.#sql.principals.all().map(asPrincipal);
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
      quota: { bytes: Number(row['quota_bytes']), entries: Number(row['quota_entries']) },
      lifeMs: Number(row['life_ms']),
    };
  }

  certificate(serial: Uint8Array): CertificateRow | undefined {
    const row = this.#sql.certificate.get(serial);
    return row === undefined ? undefined : asCertificate(row);
  }

  /** All that were ever issued to a principal, the last to expire last. */
  certificates(principal: string): CertificateRow[] {
    return this.#sql.certificates.all(principal).map(asCertificate);
  }

  isRevoked(subject: { readonly principal: string; readonly enrolment: Uint8Array }): boolean {
    return this.#sql.isRevoked.get(subject.principal, subject.enrolment) !== undefined;
  }

  /**
   * Not the same as having no entry: if the record that gave it one was damaged, a volume is still there
   * under its name.
   */
  isRemovedVolume(name: Uint8Array): boolean {
    return this.#sql.isRemoved.get(name) !== undefined;
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

  hasGroup(name: string): boolean {
    return this.#sql.group.get(name) !== undefined;
  }

  groups(): string[] {
    return this.#sql.groups.all().map((row) => String(row['name']));
  }

  members(group: string): string[] {
    return this.#sql.members.all(group).map((row) => String(row['principal']));
  }

  groupsOf(principal: string): string[] {
    return this.#sql.groupsOf.all(principal).map((row) => String(row['group_name']));
  }

  /** Of a volume. */
  grants(volume: Uint8Array): GrantRow[] {
    return this.#sql.grants.all(volume).map(asGrant);
  }

  /** To a subject, in one volume or in all. */
  grantsTo(subject: string, volume?: Uint8Array): GrantRow[] {
    const { grantsTo, grantsIn } = this.#sql;
    const rows = volume === undefined ? grantsTo.all(subject) : grantsIn.all(subject, volume);
    return rows.map(asGrant);
  }

  quota(volume: Uint8Array): QuotaRow {
    const row = this.#sql.quota.get(volume);
    return { bytes: Number(row?.['bytes'] ?? 0), entries: Number(row?.['entries'] ?? 0) };
  }

  /** States of the volume before this seq are kept no more, but for named snapshots; 0: all are kept. */
  trimSeq(volume: Uint8Array): number {
    return Number(this.#sql.trim.get(volume)?.['seq'] ?? 0);
  }

  shareLink(secretDigest: Uint8Array): ShareLinkRow | undefined {
    const row = this.#sql.shareLink.get(secretDigest);
    return row === undefined ? undefined : asShareLink(row);
  }

  /** Oldest first. */
  shareLinks(): ShareLinkRow[] {
    return this.#sql.shareLinks.all().map(asShareLink);
  }
}

type Row = Record<string, SQLOutputValue>;

function asPrincipal(row: Row): PrincipalRow {
  const { name, role, created_ms: createdMs } = row;
  return { name: String(name), role: Number(role), createdMs: Number(createdMs) };
}

function asCertificate(row: Row): CertificateRow {
  return {
    serial: row['serial'] as Uint8Array,
    principal: String(row['principal']),
    expiresMs: Number(row['expires_ms']),
    enrolment: row['enrolment'] as Uint8Array,
  };
}

function asGrant(row: Row): GrantRow {
  return {
    volume: row['volume'] as Uint8Array,
    node: Number(row['node']),
    subject: String(row['subject']),
    permission: Number(row['permission']),
  };
}

function asShareLink(row: Row): ShareLinkRow {
  return {
    secretDigest: row['secret_digest'] as Uint8Array,
    volume: row['volume'] as Uint8Array,
    node: Number(row['node']),
    author: String(row['author']),
    createdMs: Number(row['created_ms']),
    expiresMs: Number(row['expires_ms']),
    revoked: row['revoked'] === 1,
  };
}

function asVolumeEntry(row: Row | undefined): VolumeEntryRow | undefined {
  if (row === undefined) return undefined;
  return {
    name: row['name'] as Uint8Array,
    alias: String(row['alias']),
    owner: String(row['owner']),
  };
}
