import { quotaRecord } from '../../fs/volume-rules.ts';
import type { QuotaRequest } from '../../wire/generated/api.ts';
import { authorizeVolume, requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { volumeJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/admin/quotas */
export async function quotasPost(exchange: Exchange<'quotasPost'>): Promise<void> {
  requireAdmin(exchange, 'set a quota');
  const { value } = await readJson<QuotaRequest>(exchange);
  const { volume } = authorizeVolume(exchange, value.volume, 'admin');
  const { bytes, entries } = value.quota;
  exchange.trail.targets.push(`${bytes} bytes, ${entries} entries`);
  const record = quotaRecord(volume.name, value.quota);
  await exchange.services.system.change(() => ({ records: [record], result: undefined }));
  replyJson(exchange, { status: 200 }, volumeJson(exchange, volume));
}
