import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { removeGroup } from '../groups.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/admin/groups/{group} */
export async function groupDelete(exchange: Exchange<'groupDelete'>): Promise<void> {
  requireAdmin(exchange, 'remove a group');
  const name = exchange.params['group'] ?? '';
  exchange.trail.targets.push(name);
  replyJson(exchange, { status: 200 }, await removeGroup(exchange.services.system, name));
}
