import { GdpfsError } from '../../base/errors.ts';
import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import {
  principalJson,
  requirePrincipal,
  revokeEnrolment,
  revokePrincipal,
} from '../principals.ts';
import { replyJson } from '../reply.ts';

/** DELETE /api/v1/admin/principals/{principal}: revokes it, or one of its enrolments. */
export async function principalDelete(exchange: Exchange<'principalDelete'>): Promise<void> {
  const caller = requireAdmin(exchange, 'revoke a principal');
  const { system, clock } = exchange.services;
  const name = exchange.params['principal'] ?? '';
  const { enrolment } = exchange.query;
  exchange.trail.targets.push(name);
  if (enrolment !== undefined) await revokeEnrolment(system, name, enrolment);
  else if (name !== caller.principal) await revokePrincipal(system, name, clock.now());
  else {
    throw new GdpfsError('bad_request', 'cannot revoke yourself: need another admin to do it', {
      hint: 'one admin must remain; an enrolment of your own can be revoked',
    });
  }
  const row = requirePrincipal(system.view, name, 'show');
  replyJson(exchange, { status: 200 }, principalJson(system.view, row, clock.now()));
}
