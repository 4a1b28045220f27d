import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { groupJson } from '../groups.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/groups */
export function groupsGet(exchange: Exchange<'groupsGet'>): void {
  requireAdmin(exchange, 'list groups');
  const { view } = exchange.services.system;
  const groups = view.groups().map((name) => groupJson(view, name));
  replyJson(exchange, { status: 200 }, { groups });
}
