import { callerOf, type Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { revokeShareLink } from '../share-links.ts';

/** DELETE /api/v1/shares/{share}: by its author, or by an admin. */
export async function shareDelete(exchange: Exchange<'shareDelete'>): Promise<void> {
  const { principal, role } = callerOf(exchange);
  const id = exchange.params['share'] ?? '';
  exchange.trail.targets.push(id);
  const author = role === 'admin' ? undefined : principal;
  const share = await revokeShareLink(exchange.services, id, author);
  replyJson(exchange, { status: 200 }, share);
}
