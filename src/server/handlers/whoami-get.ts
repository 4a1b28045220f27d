import { callerOf, type Exchange } from '../exchange.ts';
import { maySeeVolume } from '../authorize.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/whoami */
export function whoamiGet(exchange: Exchange<'whoamiGet'>): void {
  const caller = callerOf(exchange);
  const volumes = exchange.services.fs
    .listVolumes()
    .filter((volume) => maySeeVolume(exchange, volume))
    .map((volume) => volume.alias)
    .sort();
  const { principal, role, certificateExpiresMs } = caller;
  replyJson(exchange, { status: 200 }, { principal, role, certificateExpiresMs, volumes });
}
