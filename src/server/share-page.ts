import type { BriefEntry } from '../fs/types.ts';

/** What keeps hostile content away from this origin, its links and its cookies. */
export const SHARE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex',
  'Cache-Control': 'no-store',
} as const;

/** The same for the page of a directory, whose links are for downloads. */
export const SHARE_PAGE_HEADERS = {
  ...SHARE_HEADERS,
  'Content-Security-Policy': "default-src 'none'; sandbox allow-downloads",
} as const;

export interface SharePage {
  /** `/s/<token>`. */
  readonly base: string;
  /** Below what is shared; `''` for that itself. */
  readonly path: string;
  readonly entries: readonly BriefEntry[];
  readonly hasMore: boolean;
}

/** A directory for a browser: names and sizes, no script, no style. Names may be hostile. */
export function renderSharePage({ base, path, entries, hasMore }: SharePage): string {
  const title = escapeHtml(path === '' ? 'Shared' : path);
  const above = path === '' ? [] : [row(base, path.split('/').slice(0, -1), '..', '')];
  const rows = entries.map(({ relative, kind, size }) => {
    const names = [...(path === '' ? [] : path.split('/')), relative];
    if (kind === 'symlink') return `<li>${escapeHtml(relative)} (link)</li>`;
    const isFile = kind === 'file';
    return row(base, names, isFile ? relative : `${relative}/`, isFile ? `, ${size} bytes` : '');
  });
  const more = hasMore ? ['<li>and more, which is not listed</li>'] : [];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<title>${title}</title></head><body><h1>${title}</h1>`,
    '<p><a href="?format=zip">all of it as a zip archive</a></p><ul>',
    ...above,
    ...rows,
    ...more,
    '</ul></body></html>\n',
  ].join('\n');
}

/** A file for a browser to store under its name, never to show. */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^ -~]|["\\%]/g, '_');
  // RFC 8187: what encodeURIComponent leaves and attr-char does not have.
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function row(base: string, names: readonly string[], text: string, note: string): string {
  const href = [base, ...names.map(encodeURIComponent)].join('/');
  return `<li><a href="${escapeHtml(href)}">${escapeHtml(text)}</a>${note}</li>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
