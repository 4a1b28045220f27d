import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatETag, matchesETag } from '../../wire/headers.ts';
import { authorizePath } from '../authorize.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { entryJson } from '../json-forms.ts';
import { reply, replyJson } from '../reply.ts';
import { momentOf } from '../request-values.ts';

/** GET /api/v1/files: one entry, or a page of a listing. */
export function filesGet(exchange: Exchange<'filesGet'>): void {
  const { query, request, services } = exchange;
  if (query.list !== undefined) return replyPage(exchange);
  if (query.limit !== undefined || query.cursor !== undefined) {
    throw new GdpfsError('bad_request', 'cannot read query: "limit" and "cursor" need "list"');
  }
  const { volume, path } = authorizePath(exchange, query.path);
  const entry = services.fs.stat(volume.name, path, momentOf(query.at).at);
  const content = entry.file?.content;
  const headers = content === undefined ? {} : { ETag: formatETag(content) };
  const ifNoneMatch = request.headers['if-none-match'];
  if (ifNoneMatch !== undefined && matchesETag(ifNoneMatch, content)) {
    return reply(exchange, { status: 304, headers });
  }
  replyJson(exchange, { status: 200, headers }, entryJson(volume, entry));
}

function replyPage(exchange: Exchange<'filesGet'>): void {
  const { query, services } = exchange;
  const { volume, path } = authorizePath(exchange, query.path);
  const moment = momentOf(query.at);
  // Both calls see the same state: nothing else runs between them.
  const entry = requireDirectory(services.fs.stat(volume.name, path, moment.at));
  const page = services.fs.list(volume.name, path, {
    recursive: query.list === 'recursive',
    limit: query.limit ?? LIMITS.listPageDefault,
    ...(query.cursor === undefined ? {} : { after: query.cursor }),
    ...moment,
  });
  replyJson(
    exchange,
    { status: 200 },
    {
      entry: entryJson(volume, entry),
      entries: page.entries.map((child) => entryJson(volume, child)),
      ...(page.next === undefined ? {} : { cursor: page.next }),
      seq: page.seq,
    },
  );
}
