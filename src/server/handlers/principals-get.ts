import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { principalJson } from '../principals.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/principals */
export function principalsGet(exchange: Exchange<'principalsGet'>): void {
  requireAdmin(exchange, 'list principals');
  const { system, clock } = exchange.services;
  const nowMs = clock.now();
  const principals = system.view.principals().map((row) => principalJson(system.view, row, nowMs));
  replyJson(exchange, { status: 200 }, { principals });
}
