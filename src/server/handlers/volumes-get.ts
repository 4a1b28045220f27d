import { mayUseVolume } from '../authorize.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes: those that the caller may use. */
export function volumesGet(exchange: Exchange<'volumesGet'>): void {
  const caller = callerOf(exchange);
  const volumes = exchange.services.fs
    .listVolumes()
    .filter((volume) => mayUseVolume(caller, volume))
    .map(volumeJson)
    .sort((left, right) => (left.alias < right.alias ? -1 : 1));
  replyJson(exchange, { status: 200 }, { volumes });
}
