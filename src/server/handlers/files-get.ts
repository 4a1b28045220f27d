import { utf8Encode } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Rights } from '../../fs/rights.ts';
import type { ListOptions } from '../../fs/types.ts';
import { encodeCursor, formatETag, HEADERS, matchesETag } from '../../wire/headers.ts';
import { ListingWriter } from '../../wire/listing.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { entryJson } from '../../wire/entry-json.ts';
import { authorizePath } from '../authorize.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { type MadeAnswer, reply, replyJson, replyLong } from '../reply.ts';
import { momentOf, requireListing } from '../request-values.ts';

const VARY = { Vary: 'Accept' };

/** GET /api/v1/files: one entry, or a page of a listing. */
export async function filesGet(exchange: Exchange<'filesGet'>): Promise<void> {
  const { query, request, services } = exchange;
  if (query.list !== undefined) {
    const isCompact = request.headers.accept?.includes(MEDIA_TYPES.listing) === true;
    const { limit = LIMITS.listPageDefault } = query;
    const make = isCompact ? makeCompactPage : makePage;
    return await replyLong(exchange, limit * LIMITS.listedBytes, () => make(exchange));
  }
  requireListing(query);
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, query.path, { need: 'see', at });
  const entry = services.fs.stat(volume.name, path, at);
  const content = entry.file?.content;
  const headers = content === undefined ? {} : { ETag: formatETag(content) };
  const ifNoneMatch = request.headers['if-none-match'];
  if (ifNoneMatch !== undefined && matchesETag(ifNoneMatch, content)) {
    return reply(exchange, { status: 304, headers });
  }
  replyJson(exchange, { status: 200, headers }, entryJson(volume.alias, entry));
}

function makePage(exchange: Exchange<'filesGet'>): MadeAnswer {
  const { query, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path, rights } = authorizePath(exchange, query.path, { need: 'see', at });
  // Both calls see the same state: nothing else runs between them.
  const entry = requireDirectory(services.fs.stat(volume.name, path, at));
  const page = services.fs.list(volume.name, path, listOptions(query, rights));
  const json = {
    entry: entryJson(volume.alias, entry),
    entries: page.entries.map((child) => entryJson(volume.alias, child)),
    ...(page.next === undefined ? {} : { cursor: page.next }),
    seq: page.seq,
  };
  const headers = { 'Content-Type': MEDIA_TYPES.json, ...VARY };
  return { status: 200, headers, body: utf8Encode(JSON.stringify(json)) };
}

/** The same page without what only a few callers want, for trees of very many names. */
function makeCompactPage(exchange: Exchange<'filesGet'>): MadeAnswer {
  const { query, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path, rights } = authorizePath(exchange, query.path, { need: 'see', at });
  const page = services.fs.listBrief(volume.name, path, listOptions(query, rights));
  const writer = new ListingWriter();
  for (const entry of page.entries) writer.add(entry);
  const headers = {
    'Content-Type': MEDIA_TYPES.listing,
    [HEADERS.seq]: page.seq,
    ...(page.next === undefined ? {} : { [HEADERS.cursor]: encodeCursor(page.next) }),
    ...VARY,
  };
  return { status: 200, headers, body: writer.finish() };
}

function listOptions(query: Exchange<'filesGet'>['query'], rights: Rights): ListOptions {
  return {
    rights,
    recursive: query.list === 'recursive',
    limit: query.limit ?? LIMITS.listPageDefault,
    ...(query.cursor === undefined ? {} : { after: query.cursor }),
    ...momentOf(query.at),
  };
}
