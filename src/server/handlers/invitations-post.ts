import { GdpfsError } from '../../base/errors.ts';
import type { InvitationRequest } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { HOME_QUOTA, requireHomeName } from '../home-volume.ts';
import { createInvitation } from '../invitations.ts';
import { ROLES } from '../principals.ts';
import { replyJson } from '../reply.ts';

const SERVICE_DAYS = 365;
const DAY_MS = 24 * 3600 * 1000;

/** POST /api/v1/admin/invitations */
export async function invitationsPost(exchange: Exchange<'invitationsPost'>): Promise<void> {
  requireAdmin(exchange, 'invite');
  const { services } = exchange;
  const { value } = await readJson<InvitationRequest>(exchange);
  const { principal, role = 'user', quota, days } = value;
  exchange.trail.targets.push(`${principal} as ${role}`);
  if (role === 'user') requireHomeName(services, principal);
  if (days !== undefined && role !== 'service') {
    throw new GdpfsError('bad_request', 'cannot invite: "days" is for services');
  }
  const init = {
    principal,
    role: ROLES[role],
    ...(role === 'user' ? { quota: quota ?? HOME_QUOTA } : {}),
    ...(role === 'service' ? { lifeMs: (days ?? SERVICE_DAYS) * DAY_MS } : {}),
  };
  replyJson(exchange, { status: 201 }, await createInvitation(services, init));
}
