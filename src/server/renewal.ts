import { GdpfsError } from '../base/errors.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import type { SystemView } from '../fs/system-view.ts';
import type { IssuedCertificate } from './client-certificates.ts';
import type { EnrolmentServices } from './invitations.ts';

/** Whose certificate is renewed, as the one that is still valid says. */
export interface Enrolled {
  readonly principal: string;
  /** 16 bytes. */
  readonly enrolment: Uint8Array;
}

/** Throws `certificate_invalid` if principal or enrolment were revoked. */
export function requireNotRevoked(state: SystemView, { principal, enrolment }: Enrolled): void {
  const isKnown = state.principal(principal) !== undefined;
  if (isKnown && !state.isRevoked({ principal, enrolment })) return;
  throw new GdpfsError(
    'certificate_invalid',
    'cannot accept the client certificate: it was revoked',
    { hint: 'ask an admin of the server for an invitation' },
  );
}

/**
 * Issues one more certificate within an enrolment; recorded durably on return, as the first one was.
 * Those before stay valid until they expire. Throws `bad_request`, `certificate_invalid`.
 */
export async function renewCertificate(
  { system, authority }: Pick<EnrolmentServices, 'system' | 'authority'>,
  { principal, enrolment, csrPem }: Enrolled & { readonly csrPem: string },
): Promise<IssuedCertificate> {
  if (system.view.principal(principal)?.role === Role.SERVICE) {
    throw new GdpfsError('forbidden', `cannot renew the certificate of "${principal}": a service`, {
      hint: `an admin makes a new one: "gdpfs admin service add ${principal}"`,
    });
  }
  const issued = await authority.issueClientCertificate({ csrPem, principal, enrolment });
  await system.change((state) => {
    // Again, where nobody can come in between: a revocation ends renewals too.
    requireNotRevoked(state, { principal, enrolment });
    const { serial, expiresMs } = issued;
    const value = { serial, principal, expiresMs: BigInt(expiresMs), enrolment };
    return { records: [{ body: { case: 'certificate', value } }], result: undefined };
  });
  return issued;
}
