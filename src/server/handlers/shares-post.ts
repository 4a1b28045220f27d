import { LIMITS } from '../../base/limits.ts';
import type { ShareRequest } from '../../wire/generated/api.ts';
import { authorizePath } from '../authorize.ts';
import { readJson } from '../body.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { createShareLink } from '../share-links.ts';

/** POST /api/v1/shares */
export async function sharesPost(exchange: Exchange<'sharesPost'>): Promise<void> {
  const { services } = exchange;
  const { value } = await readJson<ShareRequest>(exchange);
  const { volume, path } = authorizePath(exchange, value.path, { need: 'admin' });
  const { node } = services.fs.stat(volume.name, path);
  const { principal: author } = callerOf(exchange);
  const lifeMs = Math.min(value.lifeMs, LIMITS.shareLifeMsMax);
  const { token, ...share } = await createShareLink(services, { volume, node, author, lifeMs });
  replyJson(exchange, { status: 201 }, { ...share, url: `/s/${token}` });
}
