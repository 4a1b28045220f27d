import { EMPTY_BYTES } from '../../base/bytes.ts';
import { authorizePath } from '../authorize.ts';
import { commitChange, requireSigning } from '../commit-change.ts';
import { changeContext, preconditionOf } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/files */
export async function filesDelete(exchange: Exchange<'filesDelete'>): Promise<void> {
  const { path: apiPath, prepare: _, ...options } = exchange.query;
  const target = authorizePath(exchange, apiPath, { need: 'write' });
  const { path } = target;
  requireSigning(exchange, target);
  await commitChange(exchange, {
    target,
    context: changeContext(exchange, target, EMPTY_BYTES),
    change: { kind: 'remove', path, ...options, ...preconditionOf(exchange) },
    answer: (answered, result) => replyJson(answered, { status: 200 }, result),
  });
}
