import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /healthz: the process answers. */
export function healthGet(exchange: Exchange<'healthGet'>): void {
  replyJson(exchange, { status: 200 }, { status: 'ok' });
}
