import { policyJson } from '../../wire/policy-json.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes/{volume}/policy: what is kept of a volume's past. */
export function volumePolicyGet(exchange: Exchange<'volumePolicyGet'>): void {
  const { params, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'see');
  replyJson(exchange, { status: 200 }, policyJson(services.policies.of(volume.name)));
}
