import { GdpfsError } from '../base/errors.ts';
import { formatApiPath, formatRemotePath, parsePinnedPath } from '../format/path.ts';
import { requireSnapshot } from '../format/policy-change.ts';
import { isSnapshotName } from '../format/snapshot.ts';
import type { ApiRequest, Session } from './session.ts';
import { trustAgain, type TrustedVolume } from './trust/volume-trust.ts';

/** Routes whose `path` is `/<volume>/<path>`. */
const ROUTES = /^\/api\/v1\/(files?|storage)(\/|$)/;
/** Asks, though it has a body. */
const STORAGE_TAR = '/api/v1/storage/tar';

type Trust = (volume: string) => Promise<TrustedVolume>;
/** Of a query or a body. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * A session whose requests may name snapshots, as a moment or in a path, `/<volume>@<at>/<path>`. The
 * server is asked for the seq that the volume's owner has signed for the name, so it cannot show another
 * state under it. Whatever would change such a path throws `read_only`.
 */
export function pinnedSession(session: Session, trust: Trust): Session {
  return {
    url: session.url,
    get hasChanged() {
      return session.hasChanged;
    },
    request: async (request) => await session.request(await withSeqs(request, trust)),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

async function withSeqs(request: ApiRequest, trust: Trust): Promise<ApiRequest> {
  const { method, route } = request;
  if (!ROUTES.test(route)) return request;
  const query = (request.query ?? {}) as Fields;
  if (method === 'GET' || route === STORAGE_TAR) {
    const place = await resolve(query['path'], query['at'], trust);
    return place === undefined ? request : { ...request, query: { ...query, ...place } };
  }
  const json = (request.json ?? {}) as Fields;
  refusePinned(json);
  // A copy is made of what is at the path, then.
  const isCopy = json['op'] === 'copy';
  if (!isCopy) refusePinned(query);
  const source = json['copiesFrom'] ?? query['path'];
  const place = await resolve(source, json['at'], trust);
  if (place === undefined) return request;
  const { path, at } = place;
  if (isCopy) return { ...request, query: { ...query, path }, json: { ...json, at } };
  const from = source === json['copiesFrom'] ? { copiesFrom: path } : {};
  return { ...request, json: { ...json, ...from, at } };
}

/** The path without what pins it, and the seq that it is pinned to, or that `at` means; undefined if it is that. */
async function resolve(
  path: unknown,
  at: unknown,
  trust: Trust,
): Promise<{ readonly path: string; readonly at: string } | undefined> {
  if (typeof path !== 'string') return undefined;
  const { at: pin, ...plain } = parsePinnedPath(path);
  const isNamed = typeof at === 'string' && isSnapshotName(at);
  if (pin === undefined) {
    if (!isNamed) return undefined;
    return { path: formatApiPath(plain), at: await seqOf(plain.volume, at, trust) };
  }
  const pinned = await seqOf(plain.volume, pin, trust);
  const asked = typeof at === 'string' ? await seqOf(plain.volume, at, trust) : pinned;
  if (asked !== pinned) {
    const place = formatRemotePath({ ...plain, at: pin });
    const state = `it is the state after record ${pinned}, and that at "${String(at)}" is asked for`;
    throw new GdpfsError('usage', `cannot look at "${place}": ${state}`);
  }
  return { path: formatApiPath(plain), at: pinned };
}

/** Any other moment is for the server to find. */
async function seqOf(volume: string, at: string, trust: Trust): Promise<string> {
  if (!isSnapshotName(at)) return at;
  const trusted = await trust(volume);
  const isKnown = trusted.checkpoint.snapshots.some(({ name }) => name === at);
  // It may have been named since.
  const { checkpoint } = isKnown ? trusted : await trustAgain(trusted);
  return String(requireSnapshot(checkpoint.snapshots, at, 'look at').seq);
}

/** Throws `read_only` if what is changed is in a snapshot. */
function refusePinned(fields: Fields): void {
  for (const path of [fields['path'], fields['to']]) {
    if (typeof path !== 'string' || !path.startsWith('/')) continue;
    const { at, ...plain } = parsePinnedPath(path);
    if (at === undefined) continue;
    throw new GdpfsError(
      'read_only',
      `cannot change "${formatRemotePath({ ...plain, at })}": it is a state of the past, need ` +
        `"${formatRemotePath(plain)}"`,
    );
  }
}
