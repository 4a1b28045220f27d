import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { comparePaths } from '../../format/path.ts';
import type { FilesGetQuery } from '../../wire/generated/api.ts';
import { decodeCursor, HEADERS } from '../../wire/headers.ts';
import { decodeListing, type ListingRow } from '../../wire/listing.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import type { StatOptions } from '../files.ts';
import type { MaybeUndefined, Session } from '../session.ts';

/** Everything below a directory of a volume, of one state. */
export interface RemoteTree {
  /** Seq of the state. */
  readonly seq: number;
  readonly pages: AsyncIterable<readonly ListingRow[]>;
}

interface Page {
  readonly rows: readonly ListingRow[];
  readonly seq: number;
  readonly cursor: string | undefined;
  /** So many names were asked for. */
  readonly limit: number;
}

/** Each page of a listing has so many times the names of the one before, up to the most. */
const PAGE_GROWTH = 2;

/**
 * Lists what is below the directory `path` (`/<volume>/<path>`). The first page is fetched at once,
 * and each next one while its predecessor is used. Throws `not_found`, `not_a_directory`; the pages
 * throw `corrupt` if the server does not keep to listing order.
 */
export async function listRemoteTree(
  session: Session,
  path: string,
  options: StatOptions = {},
): Promise<RemoteTree> {
  const first = await fetchPage(session, { path, ...options, limit: LIMITS.firstNames });
  return { seq: first.seq, pages: pagesFrom(session, path, { ...options, first }) };
}

async function* pagesFrom(
  session: Session,
  path: string,
  { first, signal }: StatOptions & { readonly first: Page },
): AsyncGenerator<readonly ListingRow[], void, void> {
  const at = String(first.seq);
  let page = first;
  let last = '';
  for (;;) {
    const { cursor, rows } = page;
    // A long page would keep the server from what was asked for with it: the first files.
    const limit = Math.min(PAGE_GROWTH * page.limit, LIMITS.listPageMax);
    const next =
      cursor === undefined ? undefined : fetchPage(session, { path, at, cursor, limit, signal });
    // It is awaited below, unless nobody wants it any more.
    next?.catch(() => {});
    last = requireOrder(last, rows);
    yield rows;
    if (next === undefined) return;
    page = await next;
    // A page may be empty, but pages without end may not.
    if (page.rows.length === 0 && page.cursor !== undefined) throw disordered();
  }
}

async function fetchPage(
  session: Session,
  options: StatOptions & {
    readonly path: string;
    readonly cursor?: string;
    readonly limit: number;
  },
): Promise<Page> {
  const { signal, ...where } = options;
  const query: MaybeUndefined<FilesGetQuery> = { ...where, list: 'recursive' };
  const answer = await session.request({
    method: 'GET',
    route: '/api/v1/files',
    query,
    accept: MEDIA_TYPES.listing,
    signal,
  });
  const seq = Number(answer.headers[HEADERS.seq.toLowerCase()]);
  const cursor = answer.headers[HEADERS.cursor.toLowerCase()];
  if (!Number.isSafeInteger(seq)) {
    throw new GdpfsError('corrupt', 'cannot use response: a listing without its seq');
  }
  return {
    rows: decodeListing(answer.body),
    seq,
    limit: where.limit,
    cursor: typeof cursor === 'string' ? decodeCursor(cursor) : undefined,
  };
}

/** What is merged with it relies on the order. Returns the last path. */
function requireOrder(before: string, rows: readonly ListingRow[]): string {
  let last = before;
  for (const { relative } of rows) {
    if (comparePaths(last, relative) >= 0) throw disordered();
    last = relative;
  }
  return last;
}

function disordered(): GdpfsError {
  return new GdpfsError('corrupt', 'cannot use response: a listing that is not in order');
}
