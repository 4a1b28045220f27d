import { EMPTY_BYTES } from '../../base/bytes.ts';
import { authorizeVolume } from '../authorize.ts';
import { requestContext } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/volumes/{volume}/keys: a new writer key, named by the owner's. */
export async function volumeKeysPost(exchange: Exchange<'volumeKeysPost'>): Promise<void> {
  const { params, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'admin');
  const context = requestContext(exchange, EMPTY_BYTES);
  replyJson(exchange, { status: 200 }, await services.fs.rotateKey(volume.name, context));
}
