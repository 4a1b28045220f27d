import { EMPTY_BYTES } from '../../base/bytes.ts';
import { authorizeVolume } from '../authorize.ts';
import { requestContext } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/volumes/{volume}/keys: a new writer's or owner's key, named by the owner's. */
export async function volumeKeysPost(exchange: Exchange<'volumeKeysPost'>): Promise<void> {
  const { params, query, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'admin');
  const role = query.owner === true ? 'owner' : 'writer';
  const context = requestContext(exchange, EMPTY_BYTES);
  const done = await services.fs.rotateKey(volume.name, role, context);
  replyJson(exchange, { status: 200 }, done);
}
