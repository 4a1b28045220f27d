import { matchesGlob } from 'node:path/posix';
import { GdpfsError } from '../base/errors.ts';
import { formatRemotePath, parseApiPath, parseRemotePath } from '../format/path.ts';
import { type CallOptions, listPages, stat } from '../client/files.ts';
import type { Servers } from '../client/servers.ts';

/** One version of a file, as a listing has it: it is read as it was then, whatever becomes of its path. */
export interface VolumeFile {
  /** `gdp://VOLUME/PATH`. */
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /** `sha256:…` */
  readonly etag: string;
  /** seq of the state that was listed. */
  readonly at?: string;
}

/** Some of the workers of a training job. */
export interface Share {
  /** From 0 on. */
  readonly index: number;
  /** Of all workers. */
  readonly count: number;
}

export interface FindFilesOptions extends CallOptions {
  /** A seq, or an RFC 3339 time; now if absent. */
  readonly at?: string;
  /** Puts the files in an order that depends on this number alone; in that of the listing if absent. */
  readonly seed?: number;
  /** Every `count`th file from `index` on, of the order above: together the workers get each one once. */
  readonly share?: Share;
}

/** What makes a name a pattern. */
const PATTERN = /[*?[\]{}]/;

/**
 * The files that a pattern such as `gdp://vision/train/*.tfrecord` matches, all of one state of the
 * volume; `**` stands for any directories. Without a pattern in it the path is a file, or a directory
 * that is meant with everything below. Throws `not_found` if that is not there or nothing matches.
 */
export async function findFiles(
  servers: Servers,
  pattern: string,
  options: FindFilesOptions = {},
): Promise<VolumeFile[]> {
  const { seed, share } = options;
  const files = await listMatches(servers, pattern, options);
  if (files.length === 0) {
    throw new GdpfsError('not_found', `cannot find "${pattern}": no file matches`);
  }
  const ordered = seed === undefined ? files : shuffled(files, seed);
  return share === undefined ? ordered : shareOf(ordered, share);
}

/** Throws `usage` for a share that there is not. */
export function shareOf<T>(items: readonly T[], { index, count }: Share): T[] {
  if (!Number.isInteger(count) || !Number.isInteger(index) || index < 0 || index >= count) {
    throw new GdpfsError(
      'usage',
      `cannot take share ${index} of ${count}: need an index from 0 to ${count - 1}`,
    );
  }
  return items.filter((_, position) => position % count === index);
}

/** The items in an order that `seed` decides, every order as likely as any other. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  const random = randomOf(seed);
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [left, right] = [result[last] as T, result[other] as T];
    result[last] = right;
    result[other] = left;
  }
  return result;
}

async function listMatches(
  servers: Servers,
  pattern: string,
  { at, signal }: FindFilesOptions,
): Promise<VolumeFile[]> {
  const remote = parseRemotePath(pattern);
  if (remote === undefined) throw notRemote(pattern);
  const names = remote.path.split('/');
  const wild = names.findIndex((name) => PATTERN.test(name));
  const directory = wild < 0 ? remote.path : names.slice(0, wild).join('/');
  const { session, apiPath } = await servers.locate({ ...remote, path: directory });
  if (wild < 0) {
    const { kind, size, etag } = await stat(session, apiPath, { at, signal });
    if (kind === 'file' && etag !== undefined) {
      return [{ url: formatRemotePath(remote), size, etag, ...(at === undefined ? {} : { at }) }];
    }
  }
  const below = names.slice(wild).join('/');
  const files: VolumeFile[] = [];
  const recursive = wild < 0 || wild < names.length - 1 || below.includes('**');
  for await (const page of listPages(session, apiPath, { recursive, at, signal })) {
    for (const { kind, path: entryPath, size, etag } of page.entries) {
      if (kind !== 'file' || etag === undefined) continue;
      const { path } = parseApiPath(entryPath);
      const relative = directory === '' ? path : path.slice(directory.length + 1);
      if (wild >= 0 && !matchesGlob(relative, below)) continue;
      files.push({ url: formatRemotePath({ ...remote, path }), size, etag, at: String(page.seq) });
    }
  }
  return files;
}

function notRemote(path: string): GdpfsError {
  return new GdpfsError('usage', `cannot read "${path}": need "gdp://VOLUME/PATH"`);
}

/** Numbers from 0 up to 1 that `seed` decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
