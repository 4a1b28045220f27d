import { randomBytes } from 'node:crypto';
import { bytesEqual, EMPTY_BYTES } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Role } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import type { System } from '../fs/system.ts';
import type { InvitationRow, QuotaRow, SystemView } from '../fs/system-view.ts';
import { ENROLMENT_BYTES, isPrincipalName, PRINCIPAL_NAME_NEED } from '../wire/principal.ts';
import { roleName } from './principals.ts';
import { decodeToken, encodeToken, SECRET_BYTES } from '../wire/token.ts';
import type { CertificateAuthority } from './ca.ts';

const NO_QUOTA: QuotaRow = { bytes: 0, entries: 0 };

/** What enrolment needs of a server. */
export interface EnrolmentServices {
  readonly system: Pick<System, 'change' | 'view'>;
  readonly authority: Pick<CertificateAuthority, 'caFingerprint' | 'issueClientCertificate'>;
  readonly clock: Clock;
}

export interface InvitationInit {
  readonly principal: string;
  readonly role: Role;
  /** Of the home volume that it may make. No limit if absent. */
  readonly quota?: QuotaRow;
  /** Of the certificates; as usual if absent. */
  readonly lifeMs?: number;
}

export interface IssuedInvitation {
  /** The only copy: the server keeps a digest. */
  readonly token: string;
  readonly principal: string;
  readonly expiresMs: number;
}

export interface Enrolment {
  readonly principal: string;
  /** PEM. */
  readonly certificatePem: string;
  /** Of the home volume. */
  readonly quota: QuotaRow;
}

/**
 * Makes a token with which somebody enrols, once, as `principal`; durable on return. Whether the
 * caller may is for the caller to know. Throws `bad_request`, and `exists` for a principal who has
 * another role: an invitation never changes that.
 */
export async function createInvitation(
  { system, authority, clock }: EnrolmentServices,
  { principal, role, quota, lifeMs = 0 }: InvitationInit,
): Promise<IssuedInvitation> {
  if (!isPrincipalName(principal)) {
    const need = `need ${PRINCIPAL_NAME_NEED}`;
    throw new GdpfsError('bad_request', `cannot invite ${JSON.stringify(principal)}: ${need}`);
  }
  const secret = randomBytes(SECRET_BYTES);
  const secretDigest = sha256(secret);
  const expiresMs = clock.now() + LIMITS.invitationLifeMs;
  await system.change((state) => {
    requireRole(state, { principal, role });
    const row = { secretDigest, principal, role, expiresMs, lifeMs, quota: quota ?? NO_QUOTA };
    return { records: [invitationRecord({ ...row, used: false })], result: undefined };
  });
  return {
    token: encodeToken({ caFingerprint: authority.caFingerprint, secret }),
    principal,
    expiresMs,
  };
}

/**
 * Exchanges a token and a certificate request for a certificate; durable on return. The principal
 * exists from then on; a home volume is for the caller to make. Throws `bad_token`, `bad_request`.
 */
export async function redeemInvitation(
  { system, authority, clock }: EnrolmentServices,
  { token, csrPem }: { readonly token: string; readonly csrPem: string },
): Promise<Enrolment> {
  const { caFingerprint, secret } = decodeToken(token);
  if (!bytesEqual(caFingerprint, authority.caFingerprint)) {
    throw badToken('it is for another server');
  }
  const secretDigest = sha256(secret);
  const enrolment = new Uint8Array(randomBytes(ENROLMENT_BYTES));
  // Looked at twice: before the work of signing, and again where nobody can come in between. A
  // certificate that loses there never leaves this process.
  const { principal, lifeMs, quota } = requireUsable(system.view, {
    secretDigest,
    nowMs: clock.now(),
  });
  const life = lifeMs === 0 ? {} : { lifeMs };
  const issued = await authority.issueClientCertificate({ csrPem, principal, enrolment, ...life });
  await system.change((state) => {
    const nowMs = clock.now();
    const invitation = requireUsable(state, { secretDigest, nowMs });
    const isNew = state.principal(principal) === undefined;
    const records: SystemRecordInit[] = [invitationRecord({ ...invitation, used: true })];
    if (isNew) records.push(principalRecord(invitation, nowMs));
    records.push({
      body: {
        case: 'certificate',
        value: { serial: issued.serial, principal, expiresMs: BigInt(issued.expiresMs), enrolment },
      },
    });
    return { records, result: undefined };
  });
  return { principal, certificatePem: issued.certificatePem, quota };
}

function requireUsable(
  state: SystemView,
  { secretDigest, nowMs }: { readonly secretDigest: Uint8Array; readonly nowMs: number },
): InvitationRow {
  const invitation = state.invitation(secretDigest);
  if (invitation === undefined) throw badToken('the server does not know it');
  if (invitation.used) throw badToken('it was used already');
  if (nowMs > invitation.expiresMs) throw badToken('it has expired');
  requireRole(state, invitation);
  return invitation;
}

function requireRole(
  state: SystemView,
  { principal, role }: Pick<InvitationInit, 'principal' | 'role'>,
): void {
  const known = state.principal(principal);
  if (state.isRevoked({ principal, enrolment: EMPTY_BYTES })) {
    throw new GdpfsError('exists', `cannot invite "${principal}": it was revoked`, {
      hint: `let it in again first: "gdpfs admin user readmit ${principal}"`,
    });
  }
  if (known === undefined || known.role === role) return;
  const name = roleName(known.role);
  throw new GdpfsError(
    'exists',
    `cannot invite "${principal}": a principal with the role "${name}"`,
    {
      hint: `invite with the role "${name}", or another name`,
    },
  );
}

function invitationRecord(row: InvitationRow): SystemRecordInit {
  const { expiresMs, lifeMs, quota, ...rest } = row;
  const numbers = {
    expiresMs: BigInt(expiresMs),
    lifeMs: BigInt(lifeMs),
    quotaBytes: BigInt(quota.bytes),
    quotaEntries: BigInt(quota.entries),
  };
  return { body: { case: 'invitation', value: { ...rest, ...numbers } } };
}

function principalRecord({ principal, role }: InvitationRow, nowMs: number): SystemRecordInit {
  const value = { name: principal, role, createdMs: BigInt(nowMs) };
  return { body: { case: 'principal', value } };
}

function badToken(state: string): GdpfsError {
  return new GdpfsError('bad_token', `cannot enrol with the token: ${state}`, {
    hint: 'ask an admin of the server for a new one',
  });
}
