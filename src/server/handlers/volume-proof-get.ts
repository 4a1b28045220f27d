import { LIMITS } from '../../base/limits.ts';
import { parsePath } from '../../format/path.ts';
import { encodeStateEvidence } from '../../format/state-evidence.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { reply } from '../reply.ts';

/**
 * GET /api/v1/volumes/{volume}/proof: what proves what is at a path, or in a directory. A proof shows
 * hashes and names beside what was asked for, so it needs `read` on the volume.
 */
export function volumeProofGet(exchange: Exchange<'volumeProofGet'>): void {
  const { params, query, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'read');
  const path = parsePath(query.path);
  const { since = 0, list, cursor = '', limit = LIMITS.listPageDefault } = query;
  const page = list === undefined ? {} : { list: { after: cursor, limit } };
  const evidence = services.proofs.evidence(volume.name, { since, path, ...page });
  const headers = { 'Content-Type': MEDIA_TYPES.evidence };
  reply(exchange, { status: 200, headers }, encodeStateEvidence(evidence));
}
