import { GdpfsError } from '../../base/errors.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /readyz: the server takes requests; a load balancer asks this. */
export function readyGet(exchange: Exchange<'readyGet'>): void {
  const { services } = exchange;
  if (services.isStopping()) {
    throw new GdpfsError('busy', 'cannot take requests: the server is shutting down');
  }
  if (services.hasFailed()) {
    throw new GdpfsError('unavailable', 'cannot take changes: the store has failed', {
      hint: 'the log of the server says why; look after the disk, then start the server again',
    });
  }
  replyJson(exchange, { status: 200 }, { status: 'ready' });
}
