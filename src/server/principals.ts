import { bytesEqual, EMPTY_BYTES, hexDecode, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { Permission, Role } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import type { System } from '../fs/system.ts';
import type { CertificateRow, GrantRow, PrincipalRow, SystemView } from '../fs/system-view.ts';
import type { Enrolment, Principal } from '../wire/generated/api.ts';

/** Roles by their names in the API. */
export const ROLES = { user: Role.USER, admin: Role.ADMIN, service: Role.SERVICE } as const;

export function roleName(role: Role): Principal['role'] {
  if (role === Role.ADMIN) return 'admin';
  return role === Role.SERVICE ? 'service' : 'user';
}

export function principalJson(view: SystemView, row: PrincipalRow, nowMs: number): Principal {
  const { name, role, createdMs } = row;
  return {
    name,
    role: roleName(role),
    createdMs,
    revoked: view.isRevoked({ principal: name, enrolment: EMPTY_BYTES }),
    groups: view.groupsOf(name),
    enrolments: liveEnrolments(view, name, nowMs).map(
      ({ enrolment, expiresMs }): Enrolment => ({
        id: hexEncode(enrolment),
        expiresMs,
        revoked: view.isRevoked({ principal: '', enrolment }),
      }),
    ),
  };
}

/** Throws `not_found`. */
export function requirePrincipal(view: SystemView, name: string, verb: string): PrincipalRow {
  const row = view.principal(name);
  if (row !== undefined) return row;
  throw new GdpfsError('not_found', `cannot ${verb} "${name}": there is no such principal`);
}

/** Makes a principal without a login; durable on return. Throws `exists`. */
export async function createPrincipal(
  system: System,
  { name, role, createdMs }: PrincipalRow,
): Promise<void> {
  await system.change((state) => {
    if (state.principal(name) !== undefined) {
      throw new GdpfsError('exists', `cannot make "${name}": there is such a principal`);
    }
    const value = { name, role, createdMs: BigInt(createdMs) };
    return { records: [{ body: { case: 'principal', value } }], result: undefined };
  });
}

/**
 * No certificate of the principal works any more, none is renewed, and what it was granted is gone;
 * durable on return. Throws `not_found`.
 */
export async function revokePrincipal(system: System, name: string, nowMs: number): Promise<void> {
  await system.change((state) => {
    requirePrincipal(state, name, 'revoke');
    const enrolments = liveEnrolments(state, name, nowMs);
    const records: SystemRecordInit[] = [
      revocation({ principal: name }),
      // If it is let in again later, these stay out.
      ...enrolments.map(({ enrolment }) => revocation({ enrolment })),
      ...state.groupsOf(name).map((group) => membership(group, name, true)),
      ...state.grantsTo(name).map(withdrawal),
    ];
    return { records, result: undefined };
  });
}

/** The certificates of one login end. Throws `not_found`, `bad_request`. */
export async function revokeEnrolment(system: System, name: string, id: string): Promise<void> {
  const enrolment = hexDecode(id) ?? EMPTY_BYTES;
  await system.change((state) => {
    requirePrincipal(state, name, 'revoke an enrolment of');
    const isKnown = state
      .certificates(name)
      .some((certificate) => bytesEqual(certificate.enrolment, enrolment));
    if (!isKnown) {
      throw new GdpfsError('not_found', `cannot revoke enrolment "${id}": "${name}" has no such`);
    }
    return { records: [revocation({ enrolment })], result: undefined };
  });
}

/** The principal may have certificates again: it must enrol anew. Throws `not_found`. */
export async function readmitPrincipal(system: System, name: string): Promise<void> {
  await system.change((state) => {
    requirePrincipal(state, name, 'let in');
    return { records: [revocation({ principal: name, lifted: true })], result: undefined };
  });
}

export function membership(group: string, principal: string, removed: boolean): SystemRecordInit {
  return { body: { case: 'membership', value: { group, principal, removed } } };
}

/** The record that takes a grant back. */
export function withdrawal({ volume, node, subject }: GrantRow): SystemRecordInit {
  const value = { volume, node: BigInt(node), subject, permission: Permission.UNSPECIFIED };
  return { body: { case: 'grant', value } };
}

function revocation(value: {
  readonly principal?: string;
  readonly enrolment?: Uint8Array;
  readonly lifted?: boolean;
}): SystemRecordInit {
  return { body: { case: 'revocation', value } };
}

/** Of each enrolment the certificate that is valid for longest, unless it has expired. */
function liveEnrolments(view: SystemView, name: string, nowMs: number): CertificateRow[] {
  const newest = new Map<string, CertificateRow>();
  for (const row of view.certificates(name)) newest.set(hexEncode(row.enrolment), row);
  return [...newest.values()].filter(({ expiresMs }) => expiresMs > nowMs);
}
