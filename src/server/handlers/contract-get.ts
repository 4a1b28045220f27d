import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /openapi.json */
export function contractGet(exchange: Exchange<'contractGet'>): void {
  replyJson(exchange, { status: 200 }, exchange.services.contract.document);
}
