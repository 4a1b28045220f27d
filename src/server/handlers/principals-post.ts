import type { PrincipalRequest } from '../../wire/generated/api.ts';
import { requireAdmin } from '../authorize.ts';
import { readJson } from '../body.ts';
import type { Exchange } from '../exchange.ts';
import { ensureHomeVolume, HOME_QUOTA, requireHomeName } from '../home-volume.ts';
import { createPrincipal, principalJson, requirePrincipal, ROLES } from '../principals.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/admin/principals: one whose certificates come from elsewhere. */
export async function principalsPost(exchange: Exchange<'principalsPost'>): Promise<void> {
  requireAdmin(exchange, 'make a principal');
  const { services } = exchange;
  const { system, clock } = services;
  const { value } = await readJson<PrincipalRequest>(exchange);
  const { name, role = 'user', quota = HOME_QUOTA } = value;
  exchange.trail.targets.push(`${name} as ${role}`);
  if (role === 'user') requireHomeName(services, name);
  const nowMs = clock.now();
  await createPrincipal(system, { name, role: ROLES[role], createdMs: nowMs });
  if (role === 'user') await ensureHomeVolume(services, name, quota);
  const row = requirePrincipal(system.view, name, 'show');
  replyJson(exchange, { status: 201 }, principalJson(system.view, row, nowMs));
}
