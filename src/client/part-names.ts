import { randomBytes } from 'node:crypto';
import { opendirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hexEncode, utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';

/**
 * Names of what a download has not finished yet: beside the target, so that a rename can finish it.
 * They begin the same for all parts of one target, so that whoever finishes the target can find what
 * earlier downloads left behind.
 */

const PREFIX = '.gdpfs-part-';
const HASH_BYTES = 16;
const TAG_BYTES = 4;
const JOURNAL_SUFFIX = '.journal';
const NAME = /^(?<prefix>\.gdpfs-part-[0-9a-f]{32}-)[0-9a-f]{32}(?:-[0-9a-f]{8}|\.journal)?$/;
/** Entries of a directory read at once. */
const LISTING_BUFFER = 1024;

/**
 * The part for one content, named by its ETag, of a target: whoever downloads the same again, or at
 * the same time, works on the same file, and nobody else does.
 */
export function partPath(target: string, etag: string): string {
  return join(dirname(target), `${partPrefix(target)}${shortHash(etag)}`);
}

/** A part that nobody else works on. */
export function privatePartPath(target: string): string {
  return join(dirname(target), `${partPrefix(target)}${hexEncode(randomBytes(HASH_BYTES))}`);
}

/** A name that nobody else uses for `part`, on its way to the target. */
export function finishingPath(part: string): string {
  return `${part}-${hexEncode(randomBytes(TAG_BYTES))}`;
}

export function journalPath(part: string): string {
  return `${part}${JOURNAL_SUFFIX}`;
}

export function isJournal(path: string): boolean {
  return path.endsWith(JOURNAL_SUFFIX);
}

/** What the names of all parts of a target, and of their journals, begin with. */
export function partPrefix(target: string): string {
  return `${PREFIX}${shortHash(basename(target))}-`;
}

/** Is that the name of a part or of a journal? */
export function isPartName(name: string): boolean {
  return name.startsWith(PREFIX) && NAME.test(name);
}

/** The parts and journals in a directory, by `partPrefix`. Throws what the system does. */
export function findParts(directory: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const entries = opendirSync(directory, { bufferSize: LISTING_BUFFER });
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const prefix = NAME.exec(entry.name)?.groups?.['prefix'];
      if (prefix === undefined || !entry.isFile()) continue;
      const names = found.get(prefix) ?? new Set();
      found.set(prefix, names.add(entry.name));
    }
  } finally {
    entries.closeSync();
  }
  return found;
}

function shortHash(text: string): string {
  return hexEncode(sha256(utf8Encode(text)).subarray(0, HASH_BYTES));
}
