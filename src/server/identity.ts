import type { Socket } from 'node:net';
import { GdpfsError } from '../base/errors.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import type { System } from '../fs/system.ts';
import type { ClientIdentity } from './client-certificates.ts';
import type { Caller, Services } from './exchange.ts';
import { decodeForwardedCertificate } from './forwarded-certificate.ts';
import type { Origin } from './origin.ts';
import { roleName } from './principals.ts';
import { requireNotRevoked } from './renewal.ts';

/** What verifying a connection's certificate found: true as long as the connection lives. */
const verified = new WeakMap<Socket, ClientIdentity>();

/** Callers, by the certificate that says who they are: true as long as the system log has this epoch. */
const admitted = new WeakMap<ClientIdentity, { readonly epoch: number; readonly caller: Caller }>();

/**
 * The caller of a request. The signature of a certificate is checked once for a connection, or for
 * a while if a proxy forwards it; revocation and role again whenever the system log has changed, dates
 * at every request, so that a certificate is good `graceMs` longer where that is given. Throws `certificate_required`, `certificate_invalid`, `bad_request`.
 */
export function identify(
  services: Pick<Services, 'authority' | 'system' | 'forwardedIdentities'>,
  origin: Origin,
  graceMs = 0,
): Caller {
  const { authority, system } = services;
  const identity =
    origin.proxy === undefined
      ? identityOfSocket(services, origin, graceMs)
      : identityForwarded(services, origin, graceMs);
  authority.checkValidity(identity, identity.isExternal ? 0 : graceMs);
  const { epoch } = system;
  const known = admitted.get(identity);
  if (known?.epoch === epoch) return known.caller;
  const caller = admit(system, identity);
  admitted.set(identity, { epoch, caller });
  return caller;
}

function admit({ view }: System, identity: ClientIdentity): Caller {
  const { principal, enrolment, expiresMs, isExternal } = identity;
  requireNotRevoked(view, identity);
  const role = roleName(view.principal(principal)?.role ?? Role.USER);
  return { principal, role, enrolment, certificateExpiresMs: expiresMs, isExternal };
}

function identityOfSocket(
  { authority }: Pick<Services, 'authority'>,
  { socket }: Origin,
  graceMs: number,
): ClientIdentity {
  let identity = verified.get(socket);
  if (identity === undefined) {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw certificateRequired();
    identity = authority.verifyClientCertificate(certificate, graceMs);
    verified.set(socket, identity);
  }
  return identity;
}

/** A proxy's connection carries requests of many clients: nothing is remembered of it here. */
function identityForwarded(
  { authority, forwardedIdentities }: Pick<Services, 'authority' | 'forwardedIdentities'>,
  { forwarded }: Origin,
  graceMs: number,
): ClientIdentity {
  if (forwarded === undefined) throw certificateRequired();
  const { form, value } = forwarded;
  const known = forwardedIdentities.get(value);
  if (known !== undefined) return known;
  const identity = authority.verifyClientCertificate(
    decodeForwardedCertificate(form, value),
    graceMs,
  );
  forwardedIdentities.set(value, identity);
  return identity;
}

function certificateRequired(): GdpfsError {
  return new GdpfsError(
    'certificate_required',
    'cannot serve the request: no client certificate, need one of this server',
    { hint: 'run "gdpfs login URL TOKEN" with a token from an admin' },
  );
}
