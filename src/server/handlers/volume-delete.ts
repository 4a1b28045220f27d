import { EMPTY_BYTES } from '../../base/bytes.ts';
import { authorizeVolume, requireAdmin } from '../authorize.ts';
import { requestContext } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/volumes/{volume}: it is served no more. */
export async function volumeDelete(exchange: Exchange<'volumeDelete'>): Promise<void> {
  requireAdmin(exchange, 'remove a volume');
  const { params, query, services } = exchange;
  const context = requestContext(exchange, EMPTY_BYTES);
  // It is there no more when the answer to the first request was lost.
  const repeated = services.fs.firstResult(context);
  if (repeated !== undefined) return replyJson(exchange, { status: 200 }, repeated);
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'admin');
  const { force = false } = query;
  const removed = await services.fs.removeVolume(volume.name, { force }, context);
  replyJson(exchange, { status: 200 }, removed);
}
