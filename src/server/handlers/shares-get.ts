import { callerOf, type Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { listShareLinks } from '../share-links.ts';

/** GET /api/v1/shares: the caller's links, for admins those of everybody. */
export function sharesGet(exchange: Exchange<'sharesGet'>): void {
  const { principal, role } = callerOf(exchange);
  const author = role === 'admin' ? undefined : principal;
  replyJson(exchange, { status: 200 }, { shares: listShareLinks(exchange.services, author) });
}
