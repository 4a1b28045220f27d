import { maySeeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes: those that the caller may see something of. */
export function volumesGet(exchange: Exchange<'volumesGet'>): void {
  const volumes = exchange.services.fs
    .listVolumes()
    .filter((volume) => maySeeVolume(exchange, volume))
    .map((volume) => volumeJson(exchange, volume))
    .sort((left, right) => (left.alias < right.alias ? -1 : 1));
  replyJson(exchange, { status: 200 }, { volumes });
}
