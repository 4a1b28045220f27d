import { formatDigest, parseDigest } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';

/** Header fields of the API's own. */
export const HEADERS = {
  /** Where the next page begins, percent-encoded; absent on the last page. */
  cursor: 'Gdpfs-Cursor',
  /** Bytes of the file. */
  size: 'Gdpfs-Size',
  /** Bytes of the file that follow the entry of its manifest; in a request, how many may. */
  inline: 'Gdpfs-Inline',
  /** The volume's state that a listing is of. */
  seq: 'Gdpfs-Seq',
  idempotencyKey: 'Idempotency-Key',
} as const;

/** A strong entity tag (RFC 9110, 8.8.3) for a content root. */
export function formatETag(content: Uint8Array): string {
  return `"${formatDigest(content)}"`;
}

/** The content root that an entity tag names; undefined for a weak or a foreign one. */
export function parseETag(text: string): Uint8Array | undefined {
  const quoted = /^"([^"]*)"$/.exec(text.trim())?.[1];
  return quoted === undefined ? undefined : parseDigest(quoted);
}

/**
 * Does the field value of If-Match or If-None-Match name `content`? Undefined `content` stands for
 * something without an entity tag, which only `*` matches.
 */
export function matchesETag(fieldValue: string, content: Uint8Array | undefined): boolean {
  if (fieldValue.trim() === '*') return true;
  if (content === undefined) return false;
  const wanted = formatETag(content);
  return fieldValue.split(',').some((tag) => tag.trim() === wanted);
}

/** A text that may hold any character as a header's value, and back. */
export function encodeCursor(path: string): string {
  return encodeURIComponent(path);
}

/** Throws `bad_request` on anything that `encodeCursor` cannot have made. */
export function decodeCursor(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw new GdpfsError('bad_request', 'cannot use cursor: not percent-encoded UTF-8', { cause });
  }
}

/** Part of a representation, in bytes. `length` is at least 1. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * The one range that the field value of `Range` asks for, cut to a file of `size` bytes.
 * `whole`: the field is to be ignored, as RFC 9110 (14.2) wants for another unit, several
 * ranges or a malformed value. `none`: nothing of the range lies inside the file.
 */
export function parseRange(fieldValue: string, size: number): ByteRange | 'whole' | 'none' {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/.exec(fieldValue);
  const [, first, last] = match ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'none' : { offset: size - length, length };
  }
  const offset = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last) + 1;
  if (end <= offset) return 'whole';
  if (offset >= size) return 'none';
  return { offset, length: Math.min(end, size) - offset };
}

/** Value of Content-Range (RFC 9110, 14.4). */
export function formatContentRange(range: ByteRange, size: number): string {
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`;
}
