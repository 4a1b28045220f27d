import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { utf8Decode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { joinPath, parsePath } from '../format/path.ts';
import { attributesOf, type LocalAttributes } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';

interface Found extends LocalAttributes {
  /** Path below the root of the walk, with `/`. */
  readonly relative: string;
}

export type WalkItem =
  | (Found & { readonly kind: 'directory' })
  | (Found & { readonly kind: 'symlink'; readonly target: string })
  | (Found & { readonly kind: 'file'; readonly path: string; readonly stats: BigIntStats })
  /** Something that cannot be copied; the walk goes on. */
  | { readonly kind: 'fault'; readonly relative: string; readonly error: GdpfsError };

const REPLACEMENT_CHARACTER = '\uFFFD';

/**
 * Everything below `root`, depth first, a directory before its content, names sorted. Symbolic links
 * are not followed. Synchronous, because that is many times faster: for worker threads.
 */
export function* walk(root: string, relative = ''): Generator<WalkItem, void, void> {
  const directory = join(root, relative);
  let names: Name[];
  try {
    names = readNames(directory);
  } catch (cause) {
    yield { kind: 'fault', relative, error: localError('read', directory, cause) };
    return;
  }
  for (const { name, isUtf8 } of names) {
    const item = isUtf8
      ? inspect(root, joinPath(relative, name))
      : fault(joinPath(relative, name), 'its name is not UTF-8');
    yield item;
    if (item.kind === 'directory') yield* walk(root, item.relative);
  }
}

interface Name {
  /** With U+FFFD for what is not UTF-8. */
  readonly name: string;
  readonly isUtf8: boolean;
}

/** Names are read as text, which is fast, and as bytes only where the text leaves a doubt. */
function readNames(directory: string): Name[] {
  const names = readdirSync(directory);
  if (!names.some((name) => name.includes(REPLACEMENT_CHARACTER))) {
    return names.sort().map((name) => ({ name, isUtf8: true }));
  }
  return readdirSync(directory, { encoding: 'buffer' }).map((bytes) => {
    return { name: bytes.toString(), isUtf8: isUtf8(bytes) };
  });
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8Decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function inspect(root: string, relative: string): WalkItem {
  const path = join(root, relative);
  try {
    parsePath(relative);
    const stats = lstatSync(path, { bigint: true });
    const found = { relative, ...attributesOf(stats) };
    if (stats.isFile()) return { ...found, kind: 'file', path, stats };
    if (stats.isDirectory()) return { ...found, kind: 'directory' };
    if (stats.isSymbolicLink()) {
      return linkItem(found, readlinkSync(path, { encoding: 'buffer' }));
    }
    return fault(relative, `it is ${describe(stats)}`);
  } catch (cause) {
    return { kind: 'fault', relative, error: localError('read', path, cause) };
  }
}

function linkItem(found: Found, target: Uint8Array): WalkItem {
  if (!isUtf8(target)) return fault(found.relative, 'its target is not UTF-8');
  return { ...found, kind: 'symlink', target: utf8Decode(target) };
}

function describe(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a fifo';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function fault(relative: string, why: string): WalkItem {
  const message = `cannot copy ${quote(relative)}: ${why}`;
  return { kind: 'fault', relative, error: new GdpfsError('not_a_file', message) };
}
