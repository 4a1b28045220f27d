import { LIMITS } from '../../base/limits.ts';
import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { requirePrincipal } from '../principals.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/audit: a page of the audit log, oldest first. */
export async function auditGet(exchange: Exchange<'auditGet'>): Promise<void> {
  requireAdmin(exchange, 'read the audit log');
  const { limit = LIMITS.listPageDefault, ...query } = exchange.query;
  const { system } = exchange.services;
  // Names are never given up: who is in the log is known. A mistyped one must not look innocent.
  if (query.principal !== undefined)
    requirePrincipal(system.view, query.principal, 'show the audit of');
  replyJson(exchange, { status: 200 }, await exchange.services.audit.read({ limit, ...query }));
}
