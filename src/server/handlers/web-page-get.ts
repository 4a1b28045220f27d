import { GdpfsError } from '../../base/errors.ts';
import type { Exchange } from '../exchange.ts';
import { reply } from '../reply.ts';
import { loadWebPage, type WebAsset } from '../web-page.ts';

/**
 * What the page may do: run and show what comes from this server, pictures that it has made itself, and nothing that is
 * written inside of it.
 */
const PAGE_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** Of a part, where it is not loaded into the page: the thread that hashes. It may load nothing. */
const PART_HEADERS = {
  'Content-Security-Policy': "default-src 'none'",
  'X-Content-Type-Options': 'nosniff',
};

/** GET / */
export async function webPageGet(exchange: Exchange<'webPageGet'>): Promise<void> {
  replyAsset(exchange, (await loadWebPage()).page, PAGE_HEADERS);
}

/** GET /web/{asset} */
export async function webAssetGet(exchange: Exchange<'webAssetGet'>): Promise<void> {
  const name = exchange.params['asset'] ?? '';
  const asset = (await loadWebPage()).parts.get(name);
  if (asset === undefined) {
    throw new GdpfsError('not_found', 'cannot find the part of the web page: there is none');
  }
  replyAsset(exchange, asset, PART_HEADERS);
}

/** Everybody gets the same, so it may be kept, and is asked for again each time. */
function replyAsset(
  exchange: Exchange<'webPageGet' | 'webAssetGet'>,
  { type, etag, bytes, gzipped }: WebAsset,
  more: Readonly<Record<string, string>>,
): void {
  const { headers: asked } = exchange.request;
  const headers = { ETag: etag, 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding', ...more };
  if (asked['if-none-match'] === etag) return reply(exchange, { status: 304, headers });
  const isSmall = /\bgzip\b/.test(String(asked['accept-encoding'] ?? ''));
  const encoding = isSmall ? { 'Content-Encoding': 'gzip' } : {};
  const head = { status: 200, headers: { 'Content-Type': type, ...encoding, ...headers } };
  reply(exchange, head, isSmall ? gzipped : bytes);
}
