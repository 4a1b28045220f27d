import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/gc */
export function gcGet(exchange: Exchange<'gcGet'>): void {
  requireAdmin(exchange, 'see how space is freed');
  replyJson(exchange, { status: 200 }, exchange.services.gc.status());
}
