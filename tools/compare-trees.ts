import {
  createReadStream,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';

const PIECE_BYTES = 1024 * 1024;

/** What two trees have in common, and every way in which they differ. */
export interface Comparison {
  files: number;
  directories: number;
  links: number;
  /** Of files. */
  bytes: number;
  readonly differences: string[];
}

/** Compares names, kinds, modes, times, links and every byte of `left` and `right`. */
export async function compareTrees(
  left: string,
  right: string,
  comparison: Comparison = { files: 0, directories: 0, links: 0, bytes: 0, differences: [] },
): Promise<Comparison> {
  const stats = lstatSync(left);
  const other = lstatSync(right, { throwIfNoEntry: false });
  const difference = other === undefined ? 'is missing' : compareStats(stats, other);
  if (difference !== undefined) {
    comparison.differences.push(`${left} ${difference}`);
  } else if (stats.isSymbolicLink()) {
    comparison.links += 1;
    if (readlinkSync(left) !== readlinkSync(right)) {
      comparison.differences.push(`${left} points elsewhere`);
    }
  } else if (stats.isFile()) {
    comparison.files += 1;
    comparison.bytes += stats.size;
    const isSame =
      stats.size <= PIECE_BYTES
        ? readFileSync(left).equals(readFileSync(right))
        : await isSameContent(left, right);
    if (!isSame) {
      comparison.differences.push(`${left} has other content`);
    }
  } else {
    comparison.directories += 1;
    await compareDirectories(left, right, comparison);
  }
  return comparison;
}

async function compareDirectories(
  left: string,
  right: string,
  comparison: Comparison,
): Promise<void> {
  const names = readdirSync(left);
  const known = new Set(names);
  for (const name of readdirSync(right)) {
    if (!known.has(name)) comparison.differences.push(`${join(right, name)} is new`);
  }
  for (const name of names) await compareTrees(join(left, name), join(right, name), comparison);
}

function compareStats(left: Stats, right: Stats): string | undefined {
  if (left.mode !== right.mode) return `has mode ${right.mode.toString(8)}`;
  if (left.isSymbolicLink()) return undefined;
  if (Math.floor(left.mtimeMs) !== Math.floor(right.mtimeMs)) return 'has another time';
  if (left.isFile() && left.size !== right.size) return `has ${right.size} bytes`;
  return undefined;
}

async function isSameContent(left: string, right: string): Promise<boolean> {
  const options = { highWaterMark: PIECE_BYTES };
  const others = createReadStream(right, options)[Symbol.asyncIterator]();
  for await (const piece of createReadStream(left, options) as AsyncIterable<Buffer>) {
    const other = (await others.next()) as IteratorResult<Buffer>;
    if (other.done === true || !piece.equals(other.value)) return false;
  }
  return (await others.next()).done === true;
}
