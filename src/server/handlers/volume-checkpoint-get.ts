import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { reply } from '../reply.ts';

/** GET /api/v1/volumes/{volume}/checkpoint: the newest signed note. */
export function volumeCheckpointGet(exchange: Exchange<'volumeCheckpointGet'>): void {
  const { volume } = authorizeVolume(exchange, exchange.params['volume'] ?? '', 'read');
  const note = exchange.services.fs.checkpoint(volume.name);
  reply(exchange, { status: 200, headers: { 'Content-Type': MEDIA_TYPES.note } }, note);
}
