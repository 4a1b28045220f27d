import type { PrincipalChange } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { principalJson, readmitPrincipal, requirePrincipal } from '../principals.ts';
import { replyJson } from '../reply.ts';

/** PATCH /api/v1/admin/principals/{principal}: lets a revoked one enrol again. */
export async function principalPatch(exchange: Exchange<'principalPatch'>): Promise<void> {
  requireAdmin(exchange, 'change a principal');
  const { system, clock } = exchange.services;
  await readJson<PrincipalChange>(exchange);
  const name = exchange.params['principal'] ?? '';
  exchange.trail.targets.push(name);
  await readmitPrincipal(system, name);
  const row = requirePrincipal(system.view, name, 'show');
  replyJson(exchange, { status: 200 }, principalJson(system.view, row, clock.now()));
}
