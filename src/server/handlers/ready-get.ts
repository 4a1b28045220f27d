import { GdpfsError } from '../../base/errors.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /readyz: the server takes requests; a load balancer asks this. */
export function readyGet(exchange: Exchange<'readyGet'>): void {
  if (exchange.services.isStopping()) {
    throw new GdpfsError('busy', 'cannot take requests: the server is shutting down');
  }
  replyJson(exchange, { status: 200 }, { status: 'ready' });
}
