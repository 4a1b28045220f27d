import { Role } from '../../format/generated/gdpfs_pb.js';
import type { EnrollRequest } from '../../wire/generated/api.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { ensureHomeVolume } from '../home-volume.ts';
import { redeemInvitation } from '../invitations.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/enroll: a certificate for a token. A user's home volume is made on the way. */
export async function enrollPost(exchange: Exchange<'enrollPost'>): Promise<void> {
  const { services } = exchange;
  const { value } = await readJson<EnrollRequest>(exchange);
  const { token, csr: csrPem } = value;
  const { principal, certificatePem, quota } = await redeemInvitation(services, { token, csrPem });
  exchange.trail.targets.push(principal);
  // Admins make volumes as they need them, services have none.
  const isUser = services.system.view.principal(principal)?.role === Role.USER;
  if (isUser) await ensureHomeVolume(services, principal, quota);
  replyJson(
    exchange,
    { status: 200 },
    { certificate: certificatePem, ca: services.authority.caPem, principal },
  );
}
