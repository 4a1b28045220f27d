import type { Chunk } from '../../format/manifest.ts';

/** A part of a file whose chunks are known without reading it. */
export interface KnownRun {
  readonly start: number;
  readonly end: number;
  /** Ascending; what lies between them is holes. */
  readonly chunks: readonly Chunk[];
}

/** A part of a file as a list of extents; a hole has no digest. */
export type KnownExtent = Pick<Chunk, 'offset' | 'length'> & {
  readonly chunk: Chunk | undefined;
};

/** The chunks and holes of a run, one behind the other. */
export function extentsOf({ start, end, chunks }: KnownRun): KnownExtent[] {
  const extents: KnownExtent[] = [];
  let position = start;
  const addHole = (until: number): void => {
    const length = until - position;
    if (length > 0) extents.push({ offset: position, length, chunk: undefined });
  };
  for (const chunk of chunks) {
    addHole(chunk.offset);
    extents.push({ offset: chunk.offset, length: chunk.length, chunk });
    position = chunk.offset + chunk.length;
  }
  addHole(end);
  return extents;
}

/**
 * The runs that `extents`, in any order, make in a file of `size` bytes. One that overlaps another
 * or the end is left out.
 */
export function runsOf(extents: readonly KnownExtent[], size: number): KnownRun[] {
  const runs: { start: number; end: number; chunks: Chunk[] }[] = [];
  for (const { offset, length, chunk } of extents.toSorted((a, b) => a.offset - b.offset)) {
    let last = runs.at(-1);
    const position = last?.end ?? 0;
    if (offset < position || offset + length > size) continue;
    if (last === undefined || offset > position) {
      last = { start: offset, end: offset, chunks: [] };
      runs.push(last);
    }
    last.end = offset + length;
    if (chunk !== undefined) last.chunks.push(chunk);
  }
  return runs;
}
