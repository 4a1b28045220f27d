import type { Chunk } from '../format/manifest.ts';

/** Where the data of a chunk lies. */
export interface ChunkPlace {
  readonly segment: number;
  /** Of its first byte in the segment. */
  readonly start: number;
}

/** A place, and how it is known. */
export interface SupposedPlace extends ChunkPlace {
  /** Only because others lie as if it were there: the frame has to be looked at. */
  readonly isSupposed: boolean;
}

/** At most so many chunks behind one that was asked for the next one is asked for. */
const STEP = 32;

/**
 * Where chunks lie that mostly came together, in their order. `locate`, which tells that of one, takes
 * longer than all else there is to do for a small chunk, so only some are asked for: if two lie as far
 * apart as all that are between them in the list take, `between` bytes before each, these are there.
 */
export function supposePlaces(
  chunks: readonly Chunk[],
  between: number,
  locate: (chunk: Chunk) => ChunkPlace,
): SupposedPlace[] {
  const places: SupposedPlace[] = [];
  const ask = (index: number): void => {
    const chunk = chunks[index];
    if (chunk === undefined) return;
    const { segment, start } = locate(chunk);
    places[index] = { segment, start, isSupposed: false };
  };
  /** Finds those between two that are known. */
  const fill = (first: number, last: number): void => {
    if (last - first < 2 || fillRun(places, chunks.slice(first, last), { first, between })) return;
    const middle = Math.floor((first + last) / 2);
    ask(middle);
    fill(first, middle);
    fill(middle, last);
  };
  ask(0);
  for (let first = 0; first + 1 < chunks.length; ) {
    const last = Math.min(first + STEP, chunks.length - 1);
    ask(last);
    fill(first, last);
    first = last;
  }
  return places;
}

/** `run` begins at `first`; false if what comes behind it does not lie behind it. */
function fillRun(
  places: SupposedPlace[],
  run: readonly Chunk[],
  { first, between }: { readonly first: number; readonly between: number },
): boolean {
  const [from, to] = [places[first], places[first + run.length]];
  if (from === undefined || from.segment !== to?.segment) return false;
  let { start } = from;
  const found = run.map((chunk): SupposedPlace => {
    const place = { segment: from.segment, start, isSupposed: true };
    start += chunk.length + between;
    return place;
  });
  if (start !== to.start) return false;
  for (const [index, place] of found.entries()) if (index > 0) places[first + index] = place;
  return true;
}
