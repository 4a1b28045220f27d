import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { Role } from '../../format/generated/gdpfs_pb.js';
import { isAlias } from '../../format/path.ts';
import type { InvitationRequest } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange, Services } from '../exchange.ts';
import { createInvitation } from '../invitations.ts';
import { replyJson } from '../reply.ts';

const ROLES = { user: Role.USER, admin: Role.ADMIN, service: Role.SERVICE } as const;
const HOME_QUOTA = { bytes: LIMITS.homeQuotaBytes, entries: LIMITS.homeQuotaEntries };
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

/** A user's home volume has the user's name: it must be free, or the user's already. */
function requireHomeName({ system }: Services, principal: string): void {
  if (!isAlias(principal)) {
    throw new GdpfsError(
      'bad_request',
      `cannot invite "${principal}": not a name for a home volume, need 1 to 32 of a-z, 0-9 and "-"`,
    );
  }
  const volume = system.view.volumeByAlias(principal);
  if (volume !== undefined && volume.owner !== principal) {
    throw new GdpfsError('exists', `cannot invite "${principal}": a volume has that name`);
  }
}
