import { LIMITS } from '../../base/limits.ts';
import { baseName, formatApiPath, joinPath, parseName, parsePath } from '../../format/path.ts';
import { requireDirectory, requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { replyFile } from '../file-reply.ts';
import { reply } from '../reply.ts';
import { openShareLink } from '../share-links.ts';
import { attachment, renderSharePage, SHARE_HEADERS, SHARE_PAGE_HEADERS } from '../share-page.ts';
import { replyZip } from '../zip-read.ts';

/** GET /s/{token} and below: what a link gives to whoever has it, and nothing else. */
export async function shareLinkGet(
  exchange: Exchange<'shareLinkGet' | 'shareLinkPathGet'>,
): Promise<void> {
  const { params, query, services } = exchange;
  const { fs } = services;
  services.anonymousRate.take(exchange.address);
  const token = params['token'] ?? '';
  const rest = params['rest'] ?? '';
  // An empty name, where parsePath would take it for a slash in front.
  if (rest.startsWith('/')) parseName('');
  const path = parsePath(rest);
  const shared = openShareLink(services, token);
  const { volume } = shared;
  const whole = path === '' ? shared.path : joinPath(shared.path, path);
  exchange.trail.targets.push(formatApiPath({ volume: volume.alias, path: whole }));
  // By the path of now, in the same turn: nothing can move in between.
  const entry = fs.stat(volume.name, whole);
  if (query.format === 'zip') {
    requireDirectory(entry);
    const name = baseName(whole) || volume.alias;
    return await replyZip(exchange, { volume, path: whole, name }, SHARE_HEADERS);
  }
  if (entry.kind !== 'directory') {
    const name = baseName(whole);
    const headers = { ...SHARE_HEADERS, 'Content-Disposition': attachment(name) };
    return await replyFile(exchange, { volume, entry: requireFile(entry) }, headers);
  }
  const options = { recursive: false, limit: LIMITS.listPageDefault };
  const { entries, next } = fs.listBrief(volume.name, whole, options);
  const page = { base: `/s/${token}`, path, entries, hasMore: next !== undefined };
  const headers = { 'Content-Type': 'text/html; charset=utf-8', ...SHARE_PAGE_HEADERS };
  reply(exchange, { status: 200, headers }, renderSharePage(page));
}
