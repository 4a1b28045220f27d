import { base64urlDecode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { isSnapshotName } from './snapshot.ts';

/**
 * Paths inside a volume: `''` is the root directory, everything else is names joined by `/`,
 * without one at either end. A name is well-formed Unicode, kept as given (no normalization), of at
 * most 255 bytes of UTF-8, without `/` and NUL, and not `.` or `..`. Everything else is allowed.
 */

/**
 * Checks a path and brings it to its one form: a single `/` at either end is accepted and dropped,
 * `//` is not. Throws `bad_request` or `name_too_long`.
 */
export function parsePath(text: string): string {
  if (text === '' || text === '/') return '';
  const path = text.slice(text.startsWith('/') ? 1 : 0, text.endsWith('/') ? -1 : undefined);
  const names = path.split('/');
  for (const name of names) parseName(name);
  const fault = extentFault({ levels: names.length, bytes: Buffer.byteLength(path) });
  if (fault !== undefined) throw tooLong(path, fault);
  return path;
}

/** Names of a path one below the other, and bytes of all of it. */
export interface PathExtent {
  readonly levels: number;
  readonly bytes: number;
}

export function extentOf(path: string): PathExtent {
  return { levels: splitPath(path).length, bytes: Buffer.byteLength(path) };
}

/** What is wrong with a path of that extent, if it is more than any may have. */
export function extentFault({ levels, bytes }: PathExtent): string | undefined {
  if (levels > LIMITS.pathDepthMax) return `${levels} levels, need at most ${LIMITS.pathDepthMax}`;
  if (bytes > LIMITS.pathBytesMax) return `${bytes} bytes, need at most ${LIMITS.pathBytesMax}`;
  return undefined;
}

/** For a path that was joined of parsed ones. Throws `name_too_long`. */
export function checkExtent(path: string): void {
  // Each level takes two characters, the last one may take one, and none more than three bytes.
  if (path.length < 2 * LIMITS.pathDepthMax) return;
  const fault = extentFault(extentOf(path));
  if (fault !== undefined) throw tooLong(path, fault);
}

function tooLong(path: string, fault: string): GdpfsError {
  return new GdpfsError('name_too_long', `cannot use path ${quote(path)}: ${fault}`);
}

/** Checks one name and returns it. Throws `bad_request` or `name_too_long`. */
export function parseName(text: string): string {
  const fault = nameFault(text);
  if (fault !== undefined) {
    throw new GdpfsError('bad_request', `cannot use name ${quote(text)}: ${fault}`);
  }
  const nameBytes = Buffer.byteLength(text);
  if (nameBytes > LIMITS.nameBytesMax) {
    throw new GdpfsError(
      'name_too_long',
      `cannot use name ${quote(text)}: ${nameBytes} bytes, need at most ${LIMITS.nameBytesMax}`,
    );
  }
  return text;
}

function nameFault(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (text === '.' || text === '..') return 'it is reserved';
  if (text.includes('/')) return 'it contains a slash';
  if (text.includes('\0')) return 'it contains a NUL';
  if (!text.isWellFormed()) return 'it is not well-formed Unicode';
  return undefined;
}

/** The names of a path, none for the root. */
export function splitPath(path: string): string[] {
  return path === '' ? [] : path.split('/');
}

/** `name` below `directory`. Both are parsed already. */
export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** The directory that holds `path`; the root is its own parent. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The last name of `path`, `''` for the root. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Order of the UTF-8 bytes, as in listings and in SQLite. JavaScript's `<` compares UTF-16. */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return codePointRank(leftUnit) - codePointRank(rightUnit);
  }
  return left.length - right.length;
}

/** Listing order: that of the names, one level after the other, a directory before its content. */
export function comparePaths(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    // The end of a name comes before every character.
    if (leftUnit !== rightUnit) return pathRank(leftUnit) - pathRank(rightUnit);
  }
  return left.length - right.length;
}

const SLASH = 0x2f;

function pathRank(unit: number): number {
  return unit === SLASH ? 0 : codePointRank(unit);
}

/** Is `path` below the directory `above`, and not `above` itself? */
export function isBelow(path: string, above: string): boolean {
  if (above === '') return path !== '';
  return path.charCodeAt(above.length) === SLASH && path.startsWith(above);
}

/** UTF-8 sorts by code point, so surrogates (U+10000 and up) come behind U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isSurrogate ? unit + 0x10000 : unit;
}

/** A volume by the name that a server gave it, or by the name that certifies itself. */
export type VolumeReference =
  | { readonly kind: 'alias'; readonly alias: string }
  /** SHA-256 of the volume's first record. */
  | { readonly kind: 'name'; readonly name: Uint8Array };

const VOLUME_NAME_LENGTH = 43;

export function isAlias(text: string): boolean {
  return text.length <= LIMITS.aliasLengthMax && /^[a-z0-9-]+$/.test(text);
}

/** Throws `bad_request` unless `text` is an alias or the 43 characters of a volume name. */
export function parseVolumeReference(text: string): VolumeReference {
  if (isAlias(text)) return { kind: 'alias', alias: text };
  const name = text.length === VOLUME_NAME_LENGTH ? base64urlDecode(text) : undefined;
  if (name?.length === DIGEST_BYTES) return { kind: 'name', name };
  throw new GdpfsError(
    'bad_request',
    `cannot use volume ${quote(text)}: no such form, need an alias (1 to ${LIMITS.aliasLengthMax} of a-z, 0-9 and -) or a name of ${VOLUME_NAME_LENGTH} characters`,
    text === '' ? { hint: '"gdpfs volume ls" lists the volumes' } : {},
  );
}

export interface VolumePath {
  /** Alias or 43-character name. */
  readonly volume: string;
  readonly path: string;
}

/** A path now, or in a state of the past that always stays the same. */
export interface PinnedPath extends VolumePath {
  /** The name of a snapshot, or a seq. */
  readonly at?: string;
}

export interface RemotePath extends PinnedPath {
  /** Picks the server, in the `/pfs/` spelling only. */
  readonly profile?: string;
}

/**
 * A path as the user types it: `gdp://<volume>/<path>`, `/pfs/<profile>/home/<volume>/<path>` or
 * `/pfs/<profile>/public/<path>`. Taken literally: `%`, `?` and `#` are characters of names. Behind the
 * volume may stand `@` and a snapshot's name or a seq: `gdp://vision@v1.0/train`.
 * Undefined if it is a local path. Throws `bad_request` or `name_too_long` if it is remote and wrong.
 */
export function parseRemotePath(text: string): RemotePath | undefined {
  if (text.startsWith('gdp://')) return parsePinned(text.slice('gdp://'.length));
  // Under `public` the volume is `public` itself.
  const [, profile, volumePath] =
    /^\/pfs\/([^/]+)\/(?:home\/(?=[^/])|(?=public(?:[/@]|$)))(.+)$/s.exec(text) ?? [];
  if (profile === undefined || volumePath === undefined) return undefined;
  return { ...parsePinned(volumePath), profile };
}

/** The inverse of `parseRemotePath`. */
export function formatRemotePath({ volume, path, at, profile }: RemotePath): string {
  const volumePath = joinPath(pinnedVolume(volume, at), path);
  return profile === undefined ? `gdp://${volumePath}` : `/pfs/${profile}/home/${volumePath}`;
}

/** `path` of the API, `/<volume>/<path>`. Throws `bad_request` or `name_too_long`. */
export function parseApiPath(text: string): VolumePath {
  if (!text.startsWith('/')) {
    throw new GdpfsError(
      'bad_request',
      `cannot use path ${quote(text)}: relative, need "/volume/path"`,
    );
  }
  return parseVolumePath(text.slice(1));
}

/** The inverse of `parseApiPath`; with `at` that of `parsePinnedPath`. */
export function formatApiPath({ volume, path, at }: PinnedPath): string {
  const root = pinnedVolume(volume, at);
  return path === '' ? `/${root}` : `/${root}/${path}`;
}

function pinnedVolume(volume: string, at: string | undefined): string {
  return at === undefined ? volume : `${volume}@${at}`;
}

/**
 * `/<volume>@<at>/<path>`, or without `@<at>`: a path as clients have it before they ask a server, which
 * is told the moment apart. Throws `bad_request` or `name_too_long`.
 */
export function parsePinnedPath(text: string): PinnedPath {
  const volumeEnd = text.indexOf('/', 1);
  const isPinned = text.slice(0, volumeEnd === -1 ? undefined : volumeEnd).includes('@');
  return isPinned ? parsePinned(text.slice(1)) : parseApiPath(text);
}

/** The same as users write it: `gdp://<volume>/<path>`. */
export function userPath(apiPath: string): string {
  return `gdp:/${apiPath}`;
}

function parseVolumePath(text: string): VolumePath {
  const slash = text.indexOf('/');
  const volume = slash === -1 ? text : text.slice(0, slash);
  parseVolumeReference(volume);
  const path = slash === -1 ? '' : text.slice(slash + 1);
  if (path.startsWith('/')) parseName('');
  return { volume, path: parsePath(path) };
}

function parsePinned(text: string): PinnedPath {
  const [, volume, at, rest = ''] = /^([^/@]*)@([^/]*)(.*)$/s.exec(text) ?? [];
  if (volume === undefined || at === undefined) return parseVolumePath(text);
  const plain = parseVolumePath(volume + rest);
  if (isSnapshotName(at) || /^[0-9]{1,16}$/.test(at)) return { ...plain, at };
  throw new GdpfsError(
    'bad_request',
    `cannot use ${quote(`${volume}@${at}`)}: behind "@" is neither the name of a snapshot nor a seq`,
  );
}

const QUOTED_LENGTH_MAX = 100;

/** For messages: escaped as in JSON and, since names may be hostile, cut. */
function quote(text: string): string {
  return JSON.stringify(
    text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text,
  );
}
