import type { GroupChange } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { changeGroup } from '../groups.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/admin/groups: makes a group, or changes who is in it. */
export async function groupsPost(exchange: Exchange<'groupsPost'>): Promise<void> {
  requireAdmin(exchange, 'change a group');
  const { value } = await readJson<GroupChange>(exchange);
  exchange.trail.targets.push(value.name);
  replyJson(exchange, { status: 200 }, await changeGroup(exchange.services.system, value));
}
