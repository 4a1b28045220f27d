import { utf8Encode } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseApiPath } from '../../format/path.ts';
import type { FilesGetQuery, Listing } from '../../wire/generated/api.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { ApiAnswer, ApiRequest, Session } from '../session.ts';
import { askProven } from './proven-tree.ts';
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
  const isNextPage = query.list !== undefined && query.cursor !== undefined;
  if (query.at !== undefined && !isNextPage) throw unprovable('the state of a past moment');
  if (query.list === 'recursive' || request.accept === MEDIA_TYPES.listing) {
    throw unprovable('a whole tree at once');
  }
  const { volume, path } = parseApiPath(query.path);
  const { cursor = '', limit = LIMITS.listPageDefault } = query;
  const page = await askProven(session, await trust(volume), {
    path,
    signal: request.signal,
    ...(query.list === undefined ? {} : { list: { cursor, limit } }),
  });
  if (query.at !== undefined && query.at !== String(page.seq)) {
    throw new GdpfsError('changed', `cannot prove "${query.path}": the volume changed meanwhile`, {
      hint: 'list it again',
    });
  }
  return answerOf(query.list === undefined ? page.entry : listingOf(page));
}

function listingOf(page: Awaited<ReturnType<typeof askProven>>): Listing {
  const { entry, entries, cursor, seq } = page;
  return { entry, entries: [...entries], seq, ...(cursor === undefined ? {} : { cursor }) };
}

function answerOf(value: unknown): ApiAnswer {
  const body = utf8Encode(JSON.stringify(value));
  return { headers: {}, body, bodyBytes: body.length };
}

function unprovable(what: string): GdpfsError {
  return new GdpfsError('usage', `cannot prove ${what}: not yet possible`, {
    hint: 'without --prove it works, and "gdpfs verify" checks the whole volume',
  });
}
