import { isGdpfsError } from '../../base/errors.ts';
import { Role } from '../../format/generated/gdpfs_pb.js';
import { isAlias } from '../../format/path.ts';
import type { EnrollRequest } from '../../wire/generated/api.ts';
import { readJson } from '../body.ts';
import type { Exchange, Services } from '../exchange.ts';
import { redeemInvitation } from '../invitations.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/enroll: a certificate for a token. A user's home volume is made on the way. */
export async function enrollPost(exchange: Exchange<'enrollPost'>): Promise<void> {
  const { services } = exchange;
  const { value } = await readJson<EnrollRequest>(exchange);
  const { token, csr: csrPem } = value;
  const { principal, certificatePem } = await redeemInvitation(services, { token, csrPem });
  await ensureHomeVolume(services, principal);
  replyJson(
    exchange,
    { status: 200 },
    { certificate: certificatePem, ca: services.authority.caPem, principal },
  );
}

/** The volume named after a user. Admins make volumes as they need them. */
async function ensureHomeVolume({ fs, system }: Services, principal: string): Promise<void> {
  const isAdmin = system.view.principal(principal)?.role === Role.ADMIN;
  if (isAdmin || !isAlias(principal)) return;
  if (system.view.volumeByAlias(principal) !== undefined) return;
  const volume = {
    alias: principal,
    owner: principal,
    custody: 'server',
    chunking: 'fixed',
  } as const;
  try {
    await fs.createVolume(volume, { author: principal });
  } catch (error) {
    // Somebody was faster; the invitation was given while the name was free.
    if (!isGdpfsError(error, 'exists')) throw error;
  }
}
