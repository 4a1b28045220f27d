import { utf8Encode } from '../../base/bytes.ts';
import { parseDigest } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseApiPath } from '../../format/path.ts';
import type { FilesGetQuery, Listing } from '../../wire/generated/api.ts';
import { encodeCursor, HEADERS } from '../../wire/headers.ts';
import { ListingWriter } from '../../wire/listing.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { ApiAnswer, ApiRequest, Session } from '../session.ts';
import { askProven, type ProvenPage } from './proven-tree.ts';
import { type ProvenWalk, walkProven } from './proven-walk.ts';
import type { TrustedVolume } from './volume-trust.ts';

/**
 * A session that has every answer about what is at a path, or in a directory, proven against the
 * checkpoint that was seen of the volume. From there all else follows: manifest and bytes of a file
 * are checked against its content root anyway. Disposing of it is for the session under it.
 */
export function provingSession(
  session: Session,
  trust: (volume: string) => Promise<TrustedVolume>,
): Session {
  return {
    url: session.url,
    get hasChanged() {
      return session.hasChanged;
    },
    async request(request) {
      const isLookup = request.method === 'GET' && request.route === '/api/v1/files';
      return isLookup ? await ask(session, trust, request) : await session.request(request);
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

async function ask(
  session: Session,
  trust: (volume: string) => Promise<TrustedVolume>,
  request: ApiRequest,
): Promise<ApiAnswer> {
  const query = request.query as FilesGetQuery;
  const { cursor = '', limit = LIMITS.listPageDefault, at } = query;
  const { volume, path } = parseApiPath(query.path);
  const trusted = await trust(volume);
  const { signal } = request;
  if (query.list === 'recursive') {
    const walk = await walkProven(
      (below, list, moment) =>
        askProven(session, trusted, { path: below, list, at: moment, signal }),
      { path, cursor, limit, at },
    );
    return request.accept === MEDIA_TYPES.listing ? rowsOf(walk) : answerOf(treeOf(walk));
  }
  if (request.accept === MEDIA_TYPES.listing) {
    throw new GdpfsError('usage', 'cannot prove such a listing: need one of a whole tree', {
      hint: 'without --prove it works, and "gdpfs verify" checks the whole volume',
    });
  }
  const list = query.list === undefined ? {} : { list: { cursor, limit } };
  const page = await askProven(session, trusted, { path, at, signal, ...list });
  return answerOf(query.list === undefined ? page.entry : listingOf(page));
}

function listingOf({
  entry,
  entries,
  cursor,
  seq,
}: Pick<ProvenPage, 'entry' | 'entries' | 'cursor' | 'seq'>): Listing {
  return { entry, entries: [...entries], seq, ...(cursor === undefined ? {} : { cursor }) };
}

function treeOf({ entry, found, cursor, seq }: ProvenWalk): Listing {
  return listingOf({ entry, entries: found.map((one) => one.entry), cursor, seq });
}

/** The compact form of a page. */
function rowsOf({ found, cursor, seq }: ProvenWalk): ApiAnswer {
  const writer = new ListingWriter();
  for (const { relative, entry } of found) {
    const { kind, size, mode, mtimeUs, etag, target } = entry;
    const content = etag === undefined ? undefined : parseDigest(etag);
    writer.add({
      relative,
      kind,
      size,
      mode,
      mtimeUs,
      ...(content === undefined ? {} : { content }),
      ...(target === undefined ? {} : { target }),
    });
  }
  const body = writer.finish();
  const headers = {
    [HEADERS.seq.toLowerCase()]: String(seq),
    ...(cursor === undefined ? {} : { [HEADERS.cursor.toLowerCase()]: encodeCursor(cursor) }),
  };
  return { headers, body, bodyBytes: body.length };
}

function answerOf(value: unknown): ApiAnswer {
  const body = utf8Encode(JSON.stringify(value));
  return { headers: {}, body, bodyBytes: body.length };
}
