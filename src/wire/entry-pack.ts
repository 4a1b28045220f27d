import { isAscii } from 'node:buffer';
import { asBuffer, utf8Decode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseLinkTarget } from '../format/dentry.ts';
import { comparePaths, parseName, parsePath } from '../format/path.ts';
import type { TarDirectory, TarFile, TarReference, TarSymlink } from './tar.ts';

/**
 * Directories, links and small files on their way into a volume: what a tar says of them, with a tenth of
 * its bytes. First all content, one file behind the other, then a row for each entry, then their names, and
 * at the end what finds them. `docs/formats.md` has the fields.
 */

/** What a pack has. Its files come with their digests. */
export type PackEntry = TarDirectory | TarSymlink | TarReference | PackFile;

export type PackFile = Omit<TarFile, 'manifest'> & { readonly digest: Uint8Array };

/** Fields of a row, behind the digest. */
export const ROW = {
  mtime: DIGEST_BYTES,
  size: 40,
  checksum: 44,
  mode: 48,
  pathBytes: 50,
  targetBytes: 52,
  kind: 54,
  zero: 55,
} as const;
export const ROW_BYTES = 56;
/** Bytes of content, of names, number of rows. */
export const END_BYTES = 12;

/** Spoken between versions: keep stable. */
export const KINDS = { file: 1, directory: 2, symlink: 3, reference: 4 } as const;
const KIND_NAMES = [undefined, 'file', 'directory', 'symlink', 'reference'] as const;

const UINT32 = 2 ** 32;
const MODE_MASK = 0o7777;

interface Attributes {
  readonly path: string;
  readonly mode: number;
  readonly mtimeUs: number;
}

/** An entry as its row has it. */
export type EntryHead =
  | (Attributes & { readonly kind: 'directory' })
  | (Attributes & { readonly kind: 'symlink'; readonly target: string })
  | (Attributes & {
      readonly kind: 'file' | 'reference';
      readonly size: number;
      readonly digest: Uint8Array;
      readonly checksum: number;
    });

/** All that a pack is but its content: it says which content that is, too. */
export function headsOf(pack: Uint8Array): Uint8Array {
  return pack.subarray(endOf(pack).contentBytes);
}

/**
 * The entries of a whole body, which may be hostile, in its order. Throws `bad_request`, `name_too_long`, or
 * `body_too_large` beyond the limits of a pack. Data is a view of `bytes`; digests are not compared.
 */
export function decodeEntryPack(bytes: Uint8Array): PackEntry[] {
  const { contentBytes, count } = endOf(bytes);
  if (count > LIMITS.tarFilesMax) {
    throw tooLarge(`${count} entries, need at most ${LIMITS.tarFilesMax}`);
  }
  if (contentBytes > LIMITS.tarBytesMax) {
    throw tooLarge(`${contentBytes} bytes of content, need at most ${LIMITS.tarBytesMax}`);
  }
  const check = new HeadCheck();
  let at = 0;
  const entries = decodeHeads(bytes.subarray(contentBytes)).map((head): PackEntry => {
    check.next(head);
    if (head.kind === 'directory' || head.kind === 'symlink') return head;
    const { kind, path, mode, mtimeUs, size, digest, checksum } = head;
    if (kind === 'reference') return { kind, path, mode, mtimeUs, size, digest, checksum };
    const data = bytes.subarray(at, at + size);
    at += size;
    return { kind, path, mode, mtimeUs, data, digest };
  });
  if (at !== contentBytes) throw malformed('its content is not that of its files');
  return entries;
}

/** What `headsOf` gave of a pack that was checked, or made here. Throws `bad_request` for what is no such thing. */
export function decodeHeads(bytes: Uint8Array): EntryHead[] {
  const { textBytes, count } = endOf(bytes, false);
  const rows = asBuffer(bytes);
  const texts = new Texts(bytes.subarray(count * ROW_BYTES, count * ROW_BYTES + textBytes));
  const heads: EntryHead[] = [];
  for (let row = 0; row < count * ROW_BYTES; row += ROW_BYTES) {
    const path = texts.next(rows.readUInt16BE(row + ROW.pathBytes));
    const target = texts.next(rows.readUInt16BE(row + ROW.targetBytes));
    const mtimeUs =
      rows.readInt32BE(row + ROW.mtime) * UINT32 + rows.readUInt32BE(row + ROW.mtime + 4);
    const mode = rows.readUInt16BE(row + ROW.mode);
    const kind = KIND_NAMES[rows[row + ROW.kind] ?? 0];
    const isLink = kind === 'symlink';
    if (kind === undefined || rows[row + ROW.zero] !== 0 || (target !== '' && !isLink)) {
      throw malformed('a row is none');
    }
    if ((kind === 'directory' || isLink) && hasContent(rows, row)) throw malformed('a row');
    if (kind === 'directory') heads.push({ kind, path, mode, mtimeUs });
    else if (isLink) heads.push({ kind, path, mode, mtimeUs, target });
    else {
      const size = rows.readUInt32BE(row + ROW.size);
      const checksum = rows.readUInt32BE(row + ROW.checksum);
      const digest = bytes.subarray(row, row + DIGEST_BYTES);
      heads.push({ kind, path, mode, mtimeUs, size, checksum, digest });
    }
  }
  texts.end();
  return heads;
}

/** Does the row say of a content what only files have? */
function hasContent(rows: Buffer, row: number): boolean {
  const isSaid = (byte: number): boolean => byte !== 0;
  return (
    rows.subarray(row, row + ROW.mtime).some(isSaid) ||
    rows.subarray(row + ROW.size, row + ROW.mode).some(isSaid)
  );
}

interface End {
  readonly contentBytes: number;
  readonly textBytes: number;
  readonly count: number;
}

/** What the last bytes say, of a body or of all that follows the content. */
function endOf(bytes: Uint8Array, hasContent = true): End {
  const at = bytes.length - END_BYTES;
  if (at < 0) throw malformed('it is cut off');
  const end = asBuffer(bytes);
  const contentBytes = end.readUInt32BE(at);
  const textBytes = end.readUInt32BE(at + 4);
  const count = end.readUInt32BE(at + 8);
  const length = (hasContent ? contentBytes : 0) + count * ROW_BYTES + textBytes;
  if (length !== at) throw malformed('its parts do not add up to it');
  return { contentBytes, textBytes, count };
}

/** The paths and targets of a pack, one behind the other. */
class Texts {
  readonly #bytes: Uint8Array;
  /** All of them, if each character is a byte. */
  readonly #ascii: string | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#ascii = isAscii(bytes) ? asBuffer(bytes).toString('latin1') : undefined;
  }

  next(length: number): string {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw malformed('its names are cut off');
    if (this.#ascii !== undefined) return this.#ascii.slice(start, this.#at);
    try {
      // Copied: the decoder takes no shared memory.
      return utf8Decode(this.#bytes.slice(start, this.#at));
    } catch (cause) {
      throw new GdpfsError('bad_request', 'cannot read pack of entries: a name is not UTF-8', {
        cause,
      });
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('it has names of nothing');
  }
}

/** Judges entries one behind the other. */
class HeadCheck {
  #last = '';
  /** That of the entry before, with a slash behind it unless it is the root. */
  #directory = '';

  next(head: EntryHead): void {
    const { path, mode, mtimeUs } = head;
    this.#checkPath(path);
    if (mode > MODE_MASK || !Number.isSafeInteger(mtimeUs)) throw bad(path, 'its mode or time');
    if (head.kind === 'symlink') parseLinkTarget(head.target);
    if (head.kind !== 'file' && head.kind !== 'reference') return;
    const { size, checksum } = head;
    if (size > LIMITS.smallFileBytesMax) throw tooLarge(`a file of ${size} bytes`);
    if (head.kind === 'reference' && size === 0) throw bad(path, 'it is a reference to nothing');
    if (head.kind === 'file' && checksum !== 0) throw bad(path, 'it has a checksum');
  }

  #checkPath(path: string): void {
    const { length } = this.#directory;
    const isBeside = path.startsWith(this.#directory) && path.indexOf('/', length) === -1;
    // Mostly only the last name is another than that of the entry before.
    if (isBeside && path.length < LIMITS.nameBytesMax) parseName(path.slice(length));
    else if (path === '' || parsePath(path) !== path) throw bad(path, 'need names joined by "/"');
    if (!isBeside) this.#directory = path.slice(0, path.lastIndexOf('/') + 1);
    if (comparePaths(this.#last, path) >= 0) throw bad(path, 'it is out of order, or there twice');
    this.#last = path;
  }
}

function bad(path: string, why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot use pack entry ${JSON.stringify(path)}: ${why}`);
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot read pack of entries: ${why}`);
}

function tooLarge(why: string): GdpfsError {
  return new GdpfsError('body_too_large', `cannot use pack of entries: ${why}`);
}
