import { packTar, type TarHeader } from 'modern-tar';
import { hexDecode, hexEncode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Chunk, decodeManifestEntries, encodeManifestEntries } from '../format/manifest.ts';
import { parsePath } from '../format/path.ts';
import { type PaxRecords, type RawTarEntry, readTar } from './tar-reader.ts';

/**
 * Many small files in one body: POSIX tar (pax interchange format) that any tar program reads, with
 * what gdpfs needs beyond it in pax records. `docs/formats.md` lists them.
 */

interface TarEntryBase {
  /** Relative and parsed: names joined by `/`. */
  readonly path: string;
  /** Permission bits, 07777. */
  readonly mode: number;
  readonly mtimeUs: number;
}

export interface TarFile extends TarEntryBase {
  readonly kind: 'file';
  readonly data: Uint8Array;
  /** SHA-256 that the sender claims for `data`. Nothing here compares them. */
  readonly digest?: Uint8Array;
  /** The file's live chunks, where they are not just one that holds everything. */
  readonly manifest?: readonly Chunk[];
}

export interface TarDirectory extends TarEntryBase {
  readonly kind: 'directory';
}

export interface TarSymlink extends TarEntryBase {
  readonly kind: 'symlink';
  readonly target: string;
}

/**
 * A file of one chunk that the volume has already: it travels without its content. Upwards only.
 */
export interface TarReference extends TarEntryBase {
  readonly kind: 'reference';
  /** Bytes of the file, at least 1. */
  readonly size: number;
  /** CRC-32 of the content. */
  readonly checksum: number;
  /** SHA-256 of the content. */
  readonly digest: Uint8Array;
}

export type TarEntry = TarFile | TarDirectory | TarSymlink | TarReference;

const PAX_DIGEST = 'GDPFS.sha256';
const PAX_MTIME = 'GDPFS.mtime_us';
const PAX_MANIFEST = 'GDPFS.manifest';
const PAX_REFERENCE = 'GDPFS.reference';
/** The path once more, percent-encoded, if it has a character that a decoder puts for bad UTF-8. */
const PAX_PATH = 'GDPFS.path';
const PAX_TARGET = 'GDPFS.target';

const REPLACEMENT_CHARACTER = '\uFFFD';
const MODE_MASK = 0o7777;
const TYPE_FILE = '0';
const TYPE_SYMLINK = '2';
const TYPE_DIRECTORY = '5';
/** Bytes of the name field of a header. */
const NAME_FIELD_BYTES = 100;

/** Entries keep their order. They are the caller's own and are not checked. */
export async function encodeTar(entries: readonly TarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  return await packTar(entries.map(packEntry));
}

export function packEntry(entry: TarEntry): { header: TarHeader; body?: Uint8Array } {
  const pax: Record<string, string> = { [PAX_MTIME]: String(entry.mtimeUs) };
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  if (!fitsHeader(name)) pax['path'] = name;
  if (entry.path.includes(REPLACEMENT_CHARACTER)) pax[PAX_PATH] = encodeURIComponent(entry.path);
  const header = {
    name,
    mode: entry.mode & MODE_MASK,
    // The header has no time before 1970; the pax record has.
    mtime: new Date(Math.max(0, entry.mtimeUs / 1000)),
    type: entry.kind === 'reference' ? 'file' : entry.kind,
    pax,
  } as const;
  if (entry.kind === 'directory') return { header: { ...header, size: 0 } };
  if (entry.kind === 'symlink') {
    const { target } = entry;
    if (!fitsHeader(target)) pax['linkpath'] = target;
    if (target.includes(REPLACEMENT_CHARACTER)) pax[PAX_TARGET] = encodeURIComponent(target);
    return { header: { ...header, size: 0, linkname: target } };
  }
  if (entry.kind === 'reference') {
    pax[PAX_DIGEST] = hexEncode(entry.digest);
    pax[PAX_REFERENCE] = `${entry.size} ${entry.checksum}`;
    return { header: { ...header, size: 0 } };
  }
  if (entry.digest !== undefined) pax[PAX_DIGEST] = hexEncode(entry.digest);
  if (entry.manifest !== undefined) {
    pax[PAX_MANIFEST] = Buffer.from(encodeManifestEntries(entry.manifest)).toString('base64');
  }
  return { header: { ...header, size: entry.data.length }, body: entry.data };
}

/** Anything but short ASCII goes into a pax record, where it is UTF-8 by definition. */
function fitsHeader(text: string): boolean {
  return text.length <= NAME_FIELD_BYTES && /^[\x20-\x7e]*$/.test(text);
}

/**
 * The entries of a whole tar body, which may be hostile, or made by another tar program. Throws
 * `bad_request`, `name_too_long`, or `body_too_large` beyond the limits of a stream. Data is a view
 * of `bytes`; digests are not compared.
 */
export function decodeTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  let dataBytes = 0;
  for (const raw of readTar(bytes)) {
    const path = entryPath(raw);
    if (path === '') continue;
    const entry = parseEntry(raw, path);
    if (entry.kind === 'file') dataBytes += entry.data.length;
    entries.push(entry);
  }
  if (entries.length > LIMITS.tarFilesMax) {
    throw tooLarge(`${entries.length} entries, need at most ${LIMITS.tarFilesMax}`);
  }
  if (dataBytes > LIMITS.tarBytesMax) {
    throw tooLarge(`${dataBytes} bytes of content, need at most ${LIMITS.tarBytesMax}`);
  }
  return entries;
}

function parseEntry(raw: RawTarEntry, path: string): TarEntry {
  const { data, pax } = raw;
  const base = { path, mode: raw.mode & MODE_MASK, mtimeUs: mtimeOf(raw) };
  switch (raw.type) {
    case TYPE_DIRECTORY:
      return { ...base, kind: 'directory' };
    case TYPE_SYMLINK:
      return { ...base, kind: 'symlink', target: targetOf(raw) };
    case TYPE_FILE: {
      const found = claims(path, pax, data);
      const reference = pax.get(PAX_REFERENCE);
      if (reference === undefined) return { ...base, kind: 'file', data, ...found };
      return { ...base, ...parseReference({ path, reference, data, digest: found.digest }) };
    }
    default:
      throw bad(path, `its type is "${raw.type}", need a file, directory or symlink`);
  }
}

/** What tar programs put before relative names is dropped; `''` is the packed directory itself. */
function entryPath({ name, type }: RawTarEntry): string {
  if (name.startsWith('/')) throw bad(name, 'it is absolute, need a relative path');
  const relative = name.startsWith('./') ? name.replace(/^(?:\.\/+)+/, '') : name;
  if (type === TYPE_DIRECTORY && (relative === '' || relative === '.')) return '';
  if (relative === '') throw bad(name, 'it is empty');
  if (relative.startsWith('/')) throw bad(name, 'it is absolute, need a relative path');
  return parsePath(relative);
}

function targetOf({ name, linkName }: RawTarEntry): string {
  const targetBytes = Buffer.byteLength(linkName);
  if (targetBytes === 0 || targetBytes > LIMITS.symlinkTargetBytesMax || linkName.includes('\0')) {
    throw bad(name, `its target has ${targetBytes} bytes or a NUL`);
  }
  return linkName;
}

function mtimeOf({ name, mtimeUs, pax }: RawTarEntry): number {
  const text = pax.get(PAX_MTIME);
  const time = text === undefined ? mtimeUs : Number(text);
  if (time === undefined || !Number.isSafeInteger(time) || text === '') {
    throw bad(name, 'its time is out of range');
  }
  return time;
}

function claims(
  name: string,
  pax: PaxRecords,
  data: Uint8Array,
): Pick<TarFile, 'digest' | 'manifest'> {
  const digestText = pax.get(PAX_DIGEST);
  const manifestText = pax.get(PAX_MANIFEST);
  const digest = digestText === undefined ? undefined : hexDecode(digestText);
  if (digestText !== undefined && digest?.length !== DIGEST_BYTES) {
    throw bad(name, `its ${PAX_DIGEST} is no digest`);
  }
  return {
    ...(digest === undefined ? {} : { digest }),
    ...(manifestText === undefined ? {} : { manifest: parseManifest(manifestText, data.length) }),
  };
}

function parseReference(raw: {
  readonly path: string;
  readonly reference: string;
  readonly digest: Uint8Array | undefined;
  readonly data: Uint8Array;
}): Pick<TarReference, 'kind' | 'size' | 'checksum' | 'digest'> {
  const { path, reference, digest, data } = raw;
  const [, sizeText, checksumText] = /^(\d{1,16}) (\d{1,10})$/.exec(reference) ?? [];
  const size = Number(sizeText);
  const checksum = Number(checksumText);
  const isWellFormed = size >= 1 && size <= LIMITS.smallFileBytesMax && checksum <= 0xffff_ffff;
  if (!isWellFormed) throw bad(path, `its ${PAX_REFERENCE} is malformed`);
  if (digest === undefined) throw bad(path, `it is a reference, need a ${PAX_DIGEST}`);
  if (data.length > 0) throw bad(path, 'it is a reference and has content');
  return { kind: 'reference', size, checksum, digest };
}

function parseManifest(text: string, size: number): Chunk[] {
  try {
    return decodeManifestEntries(new Uint8Array(Buffer.from(text, 'base64')), { size });
  } catch (cause) {
    throw new GdpfsError('bad_request', `cannot read tar: a ${PAX_MANIFEST} is malformed`, {
      cause,
    });
  }
}

function bad(name: string, why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot use tar entry ${JSON.stringify(name)}: ${why}`);
}

function tooLarge(why: string): GdpfsError {
  return new GdpfsError('body_too_large', `cannot use tar: ${why}`);
}
