import type { GcRequest } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/admin/gc */
export async function gcPost(exchange: Exchange<'gcPost'>): Promise<void> {
  requireAdmin(exchange, 'free space');
  const { value } = await readJson<GcRequest>(exchange);
  const { dryRun = false } = value;
  exchange.trail.targets.push(dryRun ? 'dry run' : 'gc');
  // Who asks for it does not want to wait for readers of what is old.
  replyJson(exchange, { status: 202 }, exchange.services.gc.start({ dryRun, unattended: false }));
}
