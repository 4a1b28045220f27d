import { parseDigest } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { parseTime } from '../base/parse-time.ts';
import { isSnapshotName } from '../format/snapshot.ts';
import type { Attributes, Moment } from '../fs/types.ts';
import type { ByteRange } from '../wire/headers.ts';

/** Values of requests that JSON Schema has checked for form only, as the file system wants them. */

/** `at`: a seq, an RFC 3339 time or the name of a snapshot; nothing if absent. Throws `bad_request`. */
export function momentOf(at: string | undefined): { readonly at?: Moment } {
  return at === undefined ? {} : { at: parseMoment(at) };
}

/** Throws `bad_request` for a page of something that is not listed. */
export function requireListing(query: {
  readonly list?: string;
  readonly limit?: number;
  readonly cursor?: string;
}): void {
  if (query.list !== undefined) return;
  if (query.limit === undefined && query.cursor === undefined) return;
  throw new GdpfsError('bad_request', 'cannot read query: "limit" and "cursor" need "list"');
}

export function parseMoment(text: string): Moment {
  if (/^[0-9]+$/.test(text)) {
    const seq = Number(text);
    if (Number.isSafeInteger(seq)) return { kind: 'seq', seq };
  } else {
    const timeMs = parseTime(text);
    if (timeMs !== undefined) return { kind: 'time', timeMs };
    if (isSnapshotName(text)) return { kind: 'snapshot', name: text };
  }
  throw new GdpfsError('bad_request', `cannot use moment "${text}": no such seq, time or name`);
}

/** A digest of which the contract has checked the form. */
export function digestOf(text: string): Uint8Array {
  const digest = parseDigest(text);
  assert(digest !== undefined, 'the contract lets only digests through');
  return digest;
}

export function attributesOf(source: { mode?: number; mtimeUs?: number }): Attributes {
  const { mode, mtimeUs } = source;
  return { ...(mode === undefined ? {} : { mode }), ...(mtimeUs === undefined ? {} : { mtimeUs }) };
}

/** `OFFSET:LENGTH,…`, ascending, not overlapping, inside `size` bytes. Throws `bad_range`. */
export function parseRanges(text: string, bounds: { size: number; countMax: number }): ByteRange[] {
  const parts = text.split(',');
  if (parts.length > bounds.countMax) {
    throw new GdpfsError(
      'bad_range',
      `cannot read ranges: ${parts.length} of them, need at most ${bounds.countMax}`,
    );
  }
  let end = 0;
  return parts.map((part) => {
    const [offset = Number.NaN, length = Number.NaN] = part.split(':').map(Number);
    if (!(offset >= end && length > 0 && offset + length <= bounds.size)) {
      throw new GdpfsError(
        'bad_range',
        `cannot read range "${part}": need ascending ranges of at least 1 byte inside the file's ${bounds.size} bytes`,
        { details: { contentRange: `bytes */${bounds.size}`, size: bounds.size } },
      );
    }
    end = offset + length;
    return { offset, length };
  });
}
