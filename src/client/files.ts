import type {
  ChangeRequest,
  ChangeResult,
  ChangeSet,
  CreateDirectory,
  Entry,
  FilesDeleteQuery,
  FilesGetQuery,
  Listing,
} from '../wire/generated/api.ts';
import { jsonOf, type MaybeUndefined, type Session } from './session.ts';

/**
 * Names and their metadata. Paths are those of the API, `/<volume>/<path>`; all calls throw what the
 * server answers (`not_found`, `forbidden`, …).
 */

const ROUTE = '/api/v1/files';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface StatOptions extends CallOptions {
  /** A seq, or an RFC 3339 time; now if absent. */
  readonly at?: string | undefined;
}

export async function stat(
  session: Session,
  path: string,
  { at, signal }: StatOptions = {},
): Promise<Entry> {
  const query: MaybeUndefined<FilesGetQuery> = { path, at };
  return jsonOf(await session.request({ method: 'GET', route: ROUTE, query, signal }));
}

export interface ListOptions extends StatOptions {
  readonly recursive?: boolean;
  /** Entries of a page. */
  readonly limit?: number;
  /** The path, relative to the directory, behind which the page begins. */
  readonly cursor?: string;
}

/** One page of a directory. */
export async function listPage(
  session: Session,
  path: string,
  { at, recursive = false, limit, cursor, signal }: ListOptions = {},
): Promise<Listing> {
  const list = recursive ? 'recursive' : 'children';
  const query: MaybeUndefined<FilesGetQuery> = { path, list, at, limit, cursor };
  return jsonOf(await session.request({ method: 'GET', route: ROUTE, query, signal }));
}

/** The pages of a directory, all of one state of the volume: that of the first page. */
export async function* listPages(
  session: Session,
  path: string,
  options: ListOptions = {},
): AsyncGenerator<Listing, void, void> {
  let page = await listPage(session, path, options);
  const at = String(page.seq);
  yield page;
  while (page.cursor !== undefined) {
    page = await listPage(session, path, { ...options, at, cursor: page.cursor });
    yield page;
  }
}

export type MakeDirectoryOptions = Omit<CreateDirectory, 'path' | 'kind'> & CallOptions;

export async function makeDirectory(
  session: Session,
  path: string,
  { signal, ...attributes }: MakeDirectoryOptions = {},
): Promise<Entry> {
  const json: CreateDirectory = { path, kind: 'directory', ...attributes };
  return jsonOf(
    await session.request({ method: 'POST', route: ROUTE, json, changes: true, signal }),
  );
}

/** What to do to an existing name, and to which version of it. */
export interface ChangeOptions extends CallOptions {
  /** ETag that the file must have, else `changed`. */
  readonly ifMatch?: string;
  /** Throw `exists` if there is something where it goes. */
  readonly ifAbsent?: boolean;
}

/**
 * Renames, copies inside the volume without moving bytes, truncates, sets attributes or restores, as
 * `request` says. Atomic, also for a directory with everything below it.
 */
export async function change(
  session: Session,
  path: string,
  request: ChangeRequest,
  options: ChangeOptions = {},
): Promise<ChangeResult> {
  return jsonOf(
    await session.request({
      method: 'PATCH',
      route: ROUTE,
      query: { path },
      json: request,
      changes: true,
      ...options,
    }),
  );
}

/** Many changes below the directory `path`, in one commit, or none of them. */
export async function changeMany(
  session: Session,
  path: string,
  changes: ChangeSet,
  { signal }: CallOptions = {},
): Promise<ChangeResult> {
  const route = `${ROUTE}/changes`;
  return jsonOf(
    await session.request({
      method: 'POST',
      route,
      query: { path },
      json: changes,
      changes: true,
      signal,
    }),
  );
}

export type RemoveOptions = Omit<FilesDeleteQuery, 'path'> & CallOptions;

export async function remove(
  session: Session,
  path: string,
  { signal, ...rest }: RemoveOptions = {},
): Promise<ChangeResult> {
  const query: FilesDeleteQuery = { path, ...rest };
  return jsonOf(
    await session.request({ method: 'DELETE', route: ROUTE, query, changes: true, signal }),
  );
}
