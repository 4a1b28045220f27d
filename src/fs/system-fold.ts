import type { DatabaseSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';
import { Permission } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import { prepareAll } from '../storage/index-db.ts';

const SQL = {
  principal: 'INSERT OR REPLACE INTO principal (name, role, created_ms) VALUES (?, ?, ?)',
  invitation: `INSERT OR REPLACE INTO invitation
    (secret_digest, principal, role, expires_ms, used, quota_bytes, quota_entries, life_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  certificate: `INSERT OR REPLACE INTO certificate (serial, principal, expires_ms, enrolment)
    VALUES (?, ?, ?, ?)`,
  volume: 'INSERT OR REPLACE INTO volume_entry (alias, name, owner) VALUES (?, ?, ?)',
  dropVolume: 'DELETE FROM volume_entry WHERE name = ?',
  removeVolume: 'INSERT OR IGNORE INTO removed_volume (name) VALUES (?)',
  revokePrincipal: 'INSERT OR REPLACE INTO revoked_principal (principal) VALUES (?)',
  liftPrincipal: 'DELETE FROM revoked_principal WHERE principal = ?',
  revokeEnrolment: 'INSERT OR REPLACE INTO revoked_enrolment (enrolment) VALUES (?)',
  group: 'INSERT OR REPLACE INTO principal_group (name) VALUES (?)',
  dropGroup: 'DELETE FROM principal_group WHERE name = ?',
  dropMembers: 'DELETE FROM membership WHERE group_name = ?',
  membership: 'INSERT OR REPLACE INTO membership (group_name, principal) VALUES (?, ?)',
  dropMembership: 'DELETE FROM membership WHERE group_name = ? AND principal = ?',
  grant: `INSERT OR REPLACE INTO access_grant (volume, node, subject, permission)
    VALUES (?, ?, ?, ?)`,
  dropGrant: 'DELETE FROM access_grant WHERE volume = ? AND node = ? AND subject = ?',
  dropGrants: 'DELETE FROM access_grant WHERE volume = ?',
  quota: 'INSERT OR REPLACE INTO quota (volume, bytes, entries) VALUES (?, ?, ?)',
  dropQuota: 'DELETE FROM quota WHERE volume = ?',
  revokeShareLinks: 'UPDATE share_link SET revoked = 1 WHERE volume = ?',
  trim: `INSERT INTO trim_point (volume, seq, time_ms) VALUES (?, ?, ?)
    ON CONFLICT (volume) DO UPDATE SET seq = excluded.seq, time_ms = excluded.time_ms
    WHERE excluded.seq > seq`,
  shareLink: `INSERT OR REPLACE INTO share_link
    (secret_digest, volume, node, author, created_ms, expires_ms, revoked)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
} as const;

type Body<Case extends string> = Extract<SystemRecordInit['body'], { case: Case }>['value'];

/** The fold from system records to their tables: the last record about a thing counts. */
export class SystemFold {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(writer: DatabaseSync) {
    this.#sql = prepareAll(writer, SQL);
  }

  apply({ body }: SystemRecordInit): void {
    switch (body?.case) {
      case 'principal': {
        const { name = '', role = 0, createdMs = 0n } = body.value;
        return void this.#sql.principal.run(name, role, createdMs);
      }
      case 'invitation':
        return this.#invitation(body.value);
      case 'certificate': {
        const {
          serial = NOTHING,
          principal = '',
          expiresMs = 0n,
          enrolment = NOTHING,
        } = body.value;
        return void this.#sql.certificate.run(serial, principal, expiresMs, enrolment);
      }
      case 'volume':
        return this.#volume(body.value);
      case 'revocation':
        return this.#revocation(body.value);
      case 'group':
        return this.#group(body.value);
      case 'membership': {
        const { group = '', principal = '', removed = false } = body.value;
        const statement = removed ? this.#sql.dropMembership : this.#sql.membership;
        return void statement.run(group, principal);
      }
      case 'grant':
        return this.#grant(body.value);
      case 'quota': {
        const { volume = NOTHING, bytes = 0n, entries = 0n } = body.value;
        return void this.#sql.quota.run(volume, bytes, entries);
      }
      case 'shareLink':
        return this.#shareLink(body.value);
      case 'trim': {
        const { volume = NOTHING, seq = 0n, timeMs = 0n } = body.value;
        return void this.#sql.trim.run(volume, seq, timeMs);
      }
      default:
        throw new GdpfsError('corrupt', 'cannot apply system record: its kind is unknown');
    }
  }

  #invitation(value: Body<'invitation'>): void {
    const { secretDigest = NOTHING, principal = '', role = 0, expiresMs = 0n } = value;
    const { used = false, quotaBytes = 0n, quotaEntries = 0n, lifeMs = 0n } = value;
    const state = [used ? 1 : 0, quotaBytes, quotaEntries, lifeMs] as const;
    this.#sql.invitation.run(secretDigest, principal, role, expiresMs, ...state);
  }

  #volume({ name = NOTHING, alias = '', owner = '', removed = false }: Body<'volume'>): void {
    if (!removed) return void this.#sql.volume.run(alias, name, owner);
    const { removeVolume, dropVolume, dropGrants, dropQuota, revokeShareLinks } = this.#sql;
    const statements = [removeVolume, dropVolume, dropGrants, dropQuota, revokeShareLinks];
    for (const statement of statements) statement.run(name);
  }

  #revocation({ principal = '', enrolment = NOTHING, lifted = false }: Body<'revocation'>): void {
    const statement = lifted ? this.#sql.liftPrincipal : this.#sql.revokePrincipal;
    if (principal !== '') statement.run(principal);
    if (enrolment.length > 0) this.#sql.revokeEnrolment.run(enrolment);
  }

  #group({ name = '', removed = false }: Body<'group'>): void {
    if (!removed) return void this.#sql.group.run(name);
    this.#sql.dropGroup.run(name);
    this.#sql.dropMembers.run(name);
  }

  #grant({ volume = NOTHING, node = 0n, subject = '', permission = 0 }: Body<'grant'>): void {
    if (permission === Permission.UNSPECIFIED) this.#sql.dropGrant.run(volume, node, subject);
    else this.#sql.grant.run(volume, node, subject, permission);
  }

  #shareLink(value: Body<'shareLink'>): void {
    const { secretDigest = NOTHING, volume = NOTHING, node = 0n, author = '' } = value;
    const { createdMs = 0n, expiresMs = 0n, revoked = false } = value;
    const state = [createdMs, expiresMs, revoked ? 1 : 0] as const;
    this.#sql.shareLink.run(secretDigest, volume, node, author, ...state);
  }
}

const NOTHING = new Uint8Array(0);
