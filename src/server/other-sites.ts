/**
 * What protects people whose browser has a client certificate from all other web pages: a browser shows the
 * certificate with any request that any page makes it send, and asks nobody.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Operation } from '../wire/contract.ts';

/**
 * What a browser is told with each answer: no other site may include it, frame it, or run what is in it. What shows
 * something says more exactly what it may do.
 */
const BROWSER_HEADERS: readonly (readonly [string, string])[] = [
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox"],
  ['Referrer-Policy', 'no-referrer'],
];

/** Who asked for a request, as the browser says in a field that no page can set. */
const OWN = new Set(['same-origin', 'none']);

/** Before anything is answered. Programs have no use for these fields, and would read them with each answer. */
export function protectAnswer({ headers }: IncomingMessage, response: ServerResponse): void {
  if (!isBrowser(headers)) return;
  for (const [name, value] of BROWSER_HEADERS) response.setHeader(name, value);
}

/**
 * Throws `forbidden` for a request that a page of another origin has made, unless it reads what everybody may. One
 * of the same site, such as another port of this host, is another origin.
 */
export function requireOwnSite(
  { headers }: IncomingMessage,
  { anonymous, method }: Pick<Operation, 'anonymous' | 'method'>,
): void {
  if (anonymous && method === 'GET') return;
  const other = otherSiteOf(headers);
  if (other === undefined) return;
  throw new GdpfsError(
    'forbidden',
    `cannot serve the request: a page of another site made it (${other}), need one of this server`,
    { hint: 'open the page of the server itself, or its address in a new tab' },
  );
}

/** What shows that the request is another site's, undefined if it is not. */
function otherSiteOf(headers: IncomingMessage['headers']): string | undefined {
  const { 'sec-fetch-site': site, origin, host = '' } = headers;
  if (site !== undefined && OWN.has(String(site))) return undefined;
  // Browsers from before 2023 say nothing better. Where a proxy replaces Host, they are refused changes, and nothing is let in.
  if (site === undefined && (origin === undefined || origin === `https://${host}`)) {
    return undefined;
  }
  const from = origin === undefined ? [] : [`Origin: ${origin.slice(0, LIMITS.originShownMax)}`];
  return [...(site === undefined ? [] : [`Sec-Fetch-Site: ${String(site)}`]), ...from].join(', ');
}

/** All of them send one of these with each request. */
function isBrowser(headers: IncomingMessage['headers']): boolean {
  const { 'sec-fetch-site': site, origin, 'user-agent': agent } = headers;
  return site !== undefined || origin !== undefined || agent?.startsWith('Mozilla/') === true;
}
