import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { proofJson, volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes/{volume}, with `since` also the proof of its newest checkpoint. */
export function volumeGet(exchange: Exchange<'volumeGet'>): void {
  const { params, query, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'see');
  const json = volumeJson(exchange, volume);
  const { since, until } = query;
  if (since === undefined) return replyJson(exchange, { status: 200 }, json);
  const range = { since, ...(until === undefined ? {} : { until }) };
  const proof = proofJson(services.proofs.checkpoint(volume.name, range));
  replyJson(exchange, { status: 200 }, { ...json, proof });
}
