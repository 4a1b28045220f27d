import { isGdpfsError } from '../../base/errors.ts';
import { Role } from '../../format/generated/gdpfs_pb.js';
import { isAlias } from '../../format/path.ts';
import type { QuotaRow } from '../../fs/system-view.ts';
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
  const { principal, certificatePem, quota } = await redeemInvitation(services, { token, csrPem });
  exchange.trail.targets.push(principal);
  await ensureHomeVolume(services, principal, quota);
  replyJson(
    exchange,
    { status: 200 },
    { certificate: certificatePem, ca: services.authority.caPem, principal },
  );
}

/** The volume named after a user. Admins make volumes as they need them, services have none. */
async function ensureHomeVolume(
  { fs, system }: Services,
  principal: string,
  quota: QuotaRow,
): Promise<void> {
  const isUser = system.view.principal(principal)?.role === Role.USER;
  if (!isUser || !isAlias(principal)) return;
  if (system.view.volumeByAlias(principal) !== undefined) return;
  const volume = {
    alias: principal,
    owner: principal,
    custody: 'server',
    chunking: 'fixed',
    quota,
  } as const;
  try {
    await fs.createVolume(volume, { author: principal });
  } catch (error) {
    // Somebody was faster; the invitation was given while the name was free.
    if (!isGdpfsError(error, 'exists')) throw error;
  }
}
