import { LIMITS } from '../../base/limits.ts';
import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/audit: a page of the audit log, oldest first. */
export async function auditGet(exchange: Exchange<'auditGet'>): Promise<void> {
  requireAdmin(exchange, 'read the audit log');
  const { limit = LIMITS.listPageDefault, ...query } = exchange.query;
  replyJson(exchange, { status: 200 }, await exchange.services.audit.read({ limit, ...query }));
}
