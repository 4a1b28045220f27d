import { hexDecode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Chunk, decodeManifestEntries } from '../format/manifest.ts';
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

/** What gdpfs says in pax records. */
export const PAX = {
  digest: 'GDPFS.sha256',
  mtime: 'GDPFS.mtime_us',
  manifest: 'GDPFS.manifest',
  reference: 'GDPFS.reference',
  /** The path once more, percent-encoded, if it has a character that a decoder puts for bad UTF-8. */
  path: 'GDPFS.path',
  target: 'GDPFS.target',
} as const;

const MODE_MASK = 0o7777;
const TYPE_FILE = '0';
const TYPE_SYMLINK = '2';
const TYPE_DIRECTORY = '5';

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
      const reference = pax.get(PAX.reference);
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
  const text = pax.get(PAX.mtime);
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
  const digestText = pax.get(PAX.digest);
  const manifestText = pax.get(PAX.manifest);
  const digest = digestText === undefined ? undefined : hexDecode(digestText);
  if (digestText !== undefined && digest?.length !== DIGEST_BYTES) {
    throw bad(name, `its ${PAX.digest} is no digest`);
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
  if (!isWellFormed) throw bad(path, `its ${PAX.reference} is malformed`);
  if (digest === undefined) throw bad(path, `it is a reference, need a ${PAX.digest}`);
  if (data.length > 0) throw bad(path, 'it is a reference and has content');
  return { kind: 'reference', size, checksum, digest };
}

function parseManifest(text: string, size: number): Chunk[] {
  try {
    return decodeManifestEntries(new Uint8Array(Buffer.from(text, 'base64')), { size });
  } catch (cause) {
    throw new GdpfsError('bad_request', `cannot read tar: a ${PAX.manifest} is malformed`, {
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
