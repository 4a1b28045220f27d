/** `length` bytes from `offset`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Ranges of a file in any order; neighbors and overlaps come out as one. */
export function mergeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges.toSorted((left, right) => left.offset - right.offset)) {
    const last = merged.at(-1);
    if (last === undefined || last.offset + last.length < range.offset) {
      merged.push(range);
      continue;
    }
    const end = Math.max(last.offset + last.length, range.offset + range.length);
    merged[merged.length - 1] = { offset: last.offset, length: end - last.offset };
  }
  return merged;
}

/** Is all of `range` in one of `merged`, which is what `mergeRanges` returns? */
export function isCovered(merged: readonly ByteRange[], range: ByteRange): boolean {
  let low = 0;
  let high = merged.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { offset, length } = merged[middle] ?? range;
    if (offset + length <= range.offset) low = middle + 1;
    else high = middle;
  }
  const found = merged[low];
  if (found === undefined) return false;
  const { offset, length } = found;
  return offset <= range.offset && offset + length >= range.offset + range.length;
}
