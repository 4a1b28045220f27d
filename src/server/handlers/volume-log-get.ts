import { utf8Decode } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { parsePath } from '../../format/path.ts';
import type { LogPage } from '../../wire/generated/api.ts';
import { authorizeVolume } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { base64, proofJson } from '../json-forms.ts';
import { replyJson } from '../reply.ts';

/** GET /api/v1/volumes/{volume}/log: a page of the log, the newest record first. */
export async function volumeLogGet(exchange: Exchange<'volumeLogGet'>): Promise<void> {
  const { params, query, services } = exchange;
  const { volume } = authorizeVolume(exchange, params['volume'] ?? '', 'read');
  const { path = '', before, limit = LIMITS.logPageDefault, since = 0 } = query;
  const asked = { path: parsePath(path), before, limit: Math.min(limit, LIMITS.logPageMax), since };
  const page = await services.history.page(volume.name, asked);
  const answer: LogPage = {
    entries: page.entries.map(({ record, inclusion, ...entry }) => ({
      ...entry,
      record: base64(record),
      inclusion: inclusion.map(base64),
    })),
    commits: page.commits.map(utf8Decode),
    policies: page.policies.map(base64),
    proof: proofJson(page.proof),
    ...(page.before === undefined ? {} : { before: page.before }),
  };
  replyJson(exchange, { status: 200 }, answer);
}
