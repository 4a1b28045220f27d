import { EMPTY_BYTES } from '../../base/bytes.ts';
import { authorizePath } from '../authorize.ts';
import { changeContext, preconditionOf } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/files */
export async function filesDelete(exchange: Exchange<'filesDelete'>): Promise<void> {
  const { path: apiPath, ...options } = exchange.query;
  const target = authorizePath(exchange, apiPath, { need: 'write' });
  const { path } = target;
  const result = await exchange.services.fs.apply(
    target.volume.name,
    { kind: 'remove', path, ...options, ...preconditionOf(exchange) },
    changeContext(exchange, target, EMPTY_BYTES),
  );
  exchange.trail.seq = result.seq;
  replyJson(exchange, { status: 200 }, result);
}
