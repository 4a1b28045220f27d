import type { Whoami } from '../../wire/generated/api.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { maySeeVolume } from '../authorize.ts';
import { volumeJson } from '../json-forms.ts';
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
  const me = { principal, role, certificateExpiresMs, volumes, ...homeOf(exchange, principal) };
  replyJson(exchange, { status: 200 }, me);
}

function homeOf(exchange: Exchange, principal: string): Pick<Whoami, 'home'> {
  const { fs, system } = exchange.services;
  if (system.view.volumeByAlias(principal)?.owner !== principal) return {};
  return { home: volumeJson(exchange, fs.resolveVolume(principal)) };
}
