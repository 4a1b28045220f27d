import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { assert, GdpfsError } from '../base/errors.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import type { ClientIdentity } from './client-certificates.ts';
import type { Caller, Services } from './exchange.ts';
import { requireNotRevoked } from './renewal.ts';

/** What verifying a connection's certificate found: true as long as the connection lives. */
const verified = new WeakMap<Socket, ClientIdentity>();

/**
 * The caller of a request. The certificate's signature is checked once a connection; dates,
 * revocation and role at every request. Throws `certificate_required`, `certificate_invalid`.
 */
export function identify(
  { authority, system }: Pick<Services, 'authority' | 'system'>,
  socket: Socket,
): Caller {
  const identity = verified.get(socket) ?? verifySocket(authority, socket);
  verified.set(socket, identity);
  authority.checkValidity(identity);
  const { principal, enrolment, expiresMs } = identity;
  requireNotRevoked(system.view, identity);
  const role = system.view.principal(principal)?.role === Role.ADMIN ? 'admin' : 'user';
  return { principal, role, enrolment, certificateExpiresMs: expiresMs };
}

function verifySocket(authority: Services['authority'], socket: Socket): ClientIdentity {
  assert(socket instanceof TLSSocket, 'requests come over TLS');
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new GdpfsError(
      'certificate_required',
      'cannot serve the request: no client certificate, need one of this server',
      { hint: 'run "gdpfs login URL TOKEN" with a token from an admin' },
    );
  }
  return authority.verifyClientCertificate(certificate);
}
