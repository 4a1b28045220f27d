import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { formatDigest, sha256 } from '../base/digest.ts';
import { assert } from '../base/errors.ts';

/** A file of the web page, in memory. */
export interface WebAsset {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Uint8Array;
  readonly gzipped: Uint8Array;
}

export interface WebPage {
  readonly page: WebAsset;
  /** By name: what the page loads. */
  readonly parts: ReadonlyMap<string, WebAsset>;
}

const PAGE = 'index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

let loaded: Promise<WebPage> | undefined;

/** Read when the first browser comes: no start of a server waits for it. */
export async function loadWebPage(): Promise<WebPage> {
  loaded ??= readWebPage().catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return await loaded;
}

async function readWebPage(): Promise<WebPage> {
  const assets = new Map(
    [...(await readFiles())].flatMap(([name, bytes]) => {
      const type = TYPES[extname(name)];
      return type === undefined ? [] : [[name, assetOf(type, bytes)] as const];
    }),
  );
  const page = assets.get(PAGE);
  assert(page !== undefined, 'the web page has been built');
  assets.delete(PAGE);
  return { page, parts: assets };
}

/** What the build has made; where the server runs from its source, that is made now. */
async function readFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  if (import.meta.url.endsWith('.ts')) {
    const { bundleWebPage } = await import('./web-bundle.ts');
    return (await bundleWebPage()).files;
  }
  const folder = new URL('../web/', import.meta.url);
  const names = await readdir(folder);
  const read = async (name: string) => [name, await readFile(new URL(name, folder))] as const;
  return new Map(await Promise.all(names.map(read)));
}

function assetOf(type: string, bytes: Uint8Array): WebAsset {
  return { type, bytes, etag: `"${formatDigest(sha256(bytes))}"`, gzipped: gzipSync(bytes) };
}
