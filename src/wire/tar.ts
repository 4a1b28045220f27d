import { packTar, type TarHeader, unpackTar } from 'modern-tar';
import { EMPTY_BYTES, hexDecode, hexEncode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Chunk, decodeManifestEntries, encodeManifestEntries } from '../format/manifest.ts';
import { parsePath } from '../format/path.ts';

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
 * `bad_request`, `name_too_long`, or `body_too_large` beyond the limits of a stream. Data is copied;
 * digests are not compared.
 */
export async function decodeTar(bytes: Uint8Array): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  let dataBytes = 0;
  for (const { header, data } of await unpack(bytes)) {
    const name = entryName(header);
    if (name === '') continue;
    const entry = parseEntry({ header, name, data });
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

async function unpack(bytes: Uint8Array): ReturnType<typeof unpackTar> {
  try {
    return await unpackTar(bytes, { strict: true });
  } catch (cause) {
    throw new GdpfsError('bad_request', 'cannot read tar: its framing is damaged', { cause });
  }
}

interface RawEntry {
  readonly header: TarHeader;
  readonly name: string;
  readonly data: Uint8Array | undefined;
}

function parseEntry({ header, name, data }: RawEntry): TarEntry {
  const pax = header.pax ?? {};
  requireUtf8({ name, text: name, encoded: pax[PAX_PATH] });
  const path = parsePath(name);
  const mode = (header.mode ?? 0) & MODE_MASK;
  const base = { path, mode, mtimeUs: mtimeOf(header, name) };
  switch (header.type) {
    case 'directory':
      return { ...base, kind: 'directory' };
    case 'symlink':
      return { ...base, kind: 'symlink', target: targetOf(header, name) };
    case 'file': {
      const { digest, manifest } = claims(name, pax, data);
      const reference = pax[PAX_REFERENCE];
      if (reference !== undefined) {
        return { ...base, ...parseReference({ name, reference, digest, data }) };
      }
      return {
        ...base,
        kind: 'file',
        data: data ?? EMPTY_BYTES,
        ...(digest === undefined ? {} : { digest }),
        ...(manifest === undefined ? {} : { manifest }),
      };
    }
    default:
      throw bad(name, `it is a ${header.type}, need a file, directory or symlink`);
  }
}

/** What tar programs put before relative names is dropped; `''` is the packed directory itself. */
function entryName(header: TarHeader): string {
  const name = header.name.replace(/^(?:\.\/+)+/, '').replace(/\/$/, '');
  if (name.startsWith('/')) throw bad(name, 'it is absolute, need a relative path');
  if (name === '.' && header.type === 'directory') return '';
  if (name === '' && header.type !== 'directory') throw bad(header.name, 'it is empty');
  return name;
}

function targetOf(header: TarHeader, name: string): string {
  const target = header.linkname ?? '';
  requireUtf8({ name, text: target, encoded: header.pax?.[PAX_TARGET] });
  const targetBytes = Buffer.byteLength(target);
  if (targetBytes === 0 || targetBytes > LIMITS.symlinkTargetBytesMax || target.includes('\0')) {
    throw bad(name, `its target has ${targetBytes} bytes or a NUL`);
  }
  return target;
}

function mtimeOf(header: TarHeader, name: string): number {
  const text = header.pax?.[PAX_MTIME];
  const mtimeUs =
    text === undefined ? Math.round((header.mtime?.getTime() ?? 0) * 1000) : Number(text);
  if (!Number.isSafeInteger(mtimeUs) || text === '') throw bad(name, 'its time is out of range');
  return mtimeUs;
}

function claims(
  name: string,
  pax: Readonly<Record<string, string>>,
  data: Uint8Array = EMPTY_BYTES,
): Pick<TarFile, 'digest' | 'manifest'> {
  const digestText = pax[PAX_DIGEST];
  const manifestText = pax[PAX_MANIFEST];
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
  readonly name: string;
  readonly reference: string;
  readonly digest: Uint8Array | undefined;
  readonly data: Uint8Array | undefined;
}): Pick<TarReference, 'kind' | 'size' | 'checksum' | 'digest'> {
  const { name, reference, digest, data } = raw;
  const [, sizeText, checksumText] = /^(\d{1,16}) (\d{1,10})$/.exec(reference) ?? [];
  const size = Number(sizeText);
  const checksum = Number(checksumText);
  const isWellFormed = size >= 1 && size <= LIMITS.smallFileBytesMax && checksum <= 0xffff_ffff;
  if (!isWellFormed) throw bad(name, `its ${PAX_REFERENCE} is malformed`);
  if (digest === undefined) throw bad(name, `it is a reference, need a ${PAX_DIGEST}`);
  if (data !== undefined && data.length > 0) throw bad(name, 'it is a reference and has content');
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

/**
 * The tar library decodes bad UTF-8 to U+FFFD, by which two names could become one. So U+FFFD is
 * taken only from a sender that confirms it.
 */
function requireUtf8(field: {
  readonly name: string;
  readonly text: string;
  readonly encoded: string | undefined;
}): void {
  if (!field.text.includes(REPLACEMENT_CHARACTER)) return;
  if (field.encoded !== encodeURIComponent(field.text)) throw bad(field.name, 'it is not UTF-8');
}

function bad(name: string, why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot use tar entry ${JSON.stringify(name)}: ${why}`);
}

function tooLarge(why: string): GdpfsError {
  return new GdpfsError('body_too_large', `cannot use tar: ${why}`);
}
