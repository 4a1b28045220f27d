import { LIMITS } from '../../base/limits.ts';
import { formatApiPath, parsePath } from '../../format/path.ts';
import { encodeStateEvidence } from '../../format/state-evidence.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizePath } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { reply } from '../reply.ts';
import { momentOf, requireListing } from '../request-values.ts';

/**
 * GET /api/v1/volumes/{volume}/proof: what proves what is at a path, or in a directory. Who may see a
 * part of the volume gets a proof that shows nothing else.
 */
export async function volumeProofGet(exchange: Exchange<'volumeProofGet'>): Promise<void> {
  const { params, query, services } = exchange;
  const path = parsePath(query.path);
  const { since = 0, list, cursor = '', limit = LIMITS.listPageDefault } = query;
  requireListing(query);
  const moment = momentOf(query.at);
  const apiPath = formatApiPath({ volume: params['volume'] ?? '', path });
  const { volume, rights } = authorizePath(exchange, apiPath, { need: 'see', ...moment });
  const page = list === undefined ? {} : { list: { after: cursor, limit } };
  const asked = { since, path, rights, ...moment, ...page };
  const evidence = await services.proofs.evidence(volume.name, asked);
  const headers = { 'Content-Type': MEDIA_TYPES.evidence };
  reply(exchange, { status: 200, headers }, encodeStateEvidence(evidence));
}
