import { GdpfsError } from '../../base/errors.ts';
import { EVERYONE, groupOfSubject } from '../../fs/rights.ts';
import { authorizePath, requireAdmin } from '../authorize.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { grantsBelow, grantsTo } from '../grants.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/grants: those below a directory, or those to a subject. */
export function grantsGet(exchange: Exchange<'grantsGet'>): void {
  const { query, services } = exchange;
  const { path, subject } = query;
  if (path !== undefined && subject === undefined) {
    const target = authorizePath(exchange, path, { need: 'admin' });
    return replyJson(exchange, { status: 200 }, { grants: grantsBelow(services, target) });
  }
  if (subject === undefined || path !== undefined) {
    throw new GdpfsError('bad_request', 'cannot read query: need either "path" or "subject"');
  }
  if (!isOwn(exchange, subject)) requireAdmin(exchange, `list the grants to "${subject}"`);
  replyJson(exchange, { status: 200 }, { grants: grantsTo(services, subject) });
}

/** Does the subject stand for the caller, perhaps among others? */
function isOwn(exchange: Exchange<'grantsGet'>, subject: string): boolean {
  const { principal } = callerOf(exchange);
  if (subject === principal || subject === EVERYONE) return true;
  const group = groupOfSubject(subject);
  return group !== undefined && exchange.services.system.view.groupsOf(principal).includes(group);
}
