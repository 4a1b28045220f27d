import { formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatApiPath, parsePath } from '../../format/path.ts';
import type { FeedEntry, FeedPage } from '../../fs/feed.ts';
import type { ChangePage, VolumeChange } from '../../wire/generated/api.ts';
import { authorizePath, type Target } from '../authorize.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';

/**
 * GET /api/v1/volumes/{volume}/changes: what happened from a record on, as far as the caller may see
 * it. With `wait`, an answer without changes is not given before something happens or the time is over.
 */
export async function volumeChangesGet(exchange: Exchange<'volumeChangesGet'>): Promise<void> {
  const { wait = 0 } = exchange.query;
  const target = authorize(exchange);
  const page = await readPage(exchange, target, exchange.query.from ?? target.volume.count);
  const isWaiting = wait > 0 && isEmpty(page);
  const last = isWaiting ? await waitForMore(exchange, { target, next: page.next, wait }) : page;
  const answer: ChangePage = { changes: last.entries.map(asJson(target)), next: last.next };
  replyJson(exchange, { status: 200 }, answer);
}

/** Throws as soon as the caller may not see it any more. */
async function waitForMore(
  exchange: Exchange<'volumeChangesGet'>,
  asked: { readonly target: Target; readonly next: number; readonly wait: number },
): Promise<FeedPage> {
  const { response, services } = exchange;
  const { feed, feedSlots } = services;
  using _waiting = feedSlots.take(callerOf(exchange).principal);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const end = AbortSignal.any([gone.signal, AbortSignal.timeout(asked.wait * 1000)]);
  let { next } = asked;
  for (;;) {
    const round = new AbortController();
    // Before looking: what happens meanwhile must not be missed.
    const grown = feed.grown(asked.target.volume.name, AbortSignal.any([end, round.signal]));
    try {
      exchange.requireAdmitted();
      const page = await readPage(exchange, authorize(exchange), next);
      if (!isEmpty(page) || end.aborted || services.isStopping()) return page;
      ({ next } = page);
      await grown;
    } finally {
      round.abort();
    }
  }
}

function authorize(exchange: Exchange<'volumeChangesGet'>): Target {
  const { params, query } = exchange;
  const path = parsePath(query.path ?? '');
  const apiPath = formatApiPath({ volume: params['volume'] ?? '', path });
  return authorizePath(exchange, apiPath, { need: 'see' });
}

async function readPage(
  { query, services }: Exchange<'volumeChangesGet'>,
  { volume, path, rights }: Target,
  from: number,
): Promise<FeedPage> {
  const { limit = LIMITS.feedPageDefault } = query;
  const asked = { from, path, rights, limit: Math.min(limit, LIMITS.feedPageMax) };
  return await services.feed.page(volume.name, asked);
}

/** Nothing to tell: neither changes nor that there is more to look through. */
function isEmpty({ entries, isEnd }: FeedPage): boolean {
  return entries.length === 0 && isEnd;
}

function asJson({ volume: { alias: volume } }: Target): (entry: FeedEntry) => VolumeChange {
  return ({ path, from, content, ...entry }) => ({
    ...entry,
    path: formatApiPath({ volume, path }),
    ...(from === undefined ? {} : { from: formatApiPath({ volume, path: from }) }),
    ...(content === undefined ? {} : { etag: formatDigest(content) }),
  });
}
