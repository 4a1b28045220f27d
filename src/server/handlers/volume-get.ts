import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes/{volume} */
export function volumeGet(exchange: Exchange<'volumeGet'>): void {
  const volume = authorizeVolume(exchange, exchange.params['volume'] ?? '');
  replyJson(exchange, { status: 200 }, volumeJson(volume));
}
