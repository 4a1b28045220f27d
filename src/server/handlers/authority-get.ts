import { X509Certificate } from 'node:crypto';
import { hexEncode } from '../../base/bytes.ts';
import { requireAdmin } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/admin/ca */
export async function authorityGet(exchange: Exchange<'authorityGet'>): Promise<void> {
  requireAdmin(exchange, 'see the authority');
  const { authority } = exchange.services;
  const { expiresMs: serverExpiresMs } = await authority.serverIdentity();
  const json = {
    certificates: authority.caPem,
    fingerprint: hexEncode(authority.caFingerprint),
    expiresMs: new X509Certificate(authority.caPem).validToDate.getTime(),
    serverExpiresMs,
  };
  replyJson(exchange, { status: 200 }, json);
}
