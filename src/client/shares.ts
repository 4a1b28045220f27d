import type { NewShare, Share, ShareList, ShareRequest } from '../wire/generated/api.ts';
import type { CallOptions } from './files.ts';
import { jsonOf, type Session } from './session.ts';

/** Links for people who have only a browser. */

const ROUTE = '/api/v1/shares';

/** `url` of the answer is relative to the server, and the only copy of the link. */
export async function createShare(
  session: Session,
  json: ShareRequest,
  call: CallOptions = {},
): Promise<NewShare> {
  return jsonOf(await session.request({ method: 'POST', route: ROUTE, json, ...call }));
}

export async function listShares(session: Session, call: CallOptions = {}): Promise<Share[]> {
  const answer = await session.request({ method: 'GET', route: ROUTE, ...call });
  return jsonOf<ShareList>(answer).shares;
}

export async function revokeShare(
  session: Session,
  id: string,
  call: CallOptions = {},
): Promise<Share> {
  const route = `${ROUTE}/${encodeURIComponent(id)}`;
  return jsonOf(await session.request({ method: 'DELETE', route, ...call }));
}
