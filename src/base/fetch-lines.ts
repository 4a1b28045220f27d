const CACHE_LINE_BYTES = 64;

/** Keeps the reads from being optimized away. */
let fetched = 0;

/**
 * Brings bytes that another core has written into the caches of this one. A hash works through them in
 * order and waits for each line; lines that are asked for one behind the other come together.
 */
export function fetchLines(bytes: Uint8Array): void {
  // In variables of its own: anything else takes longer than the memory.
  const { length } = bytes;
  let seen = 0;
  for (let at = 0; at < length; at += CACHE_LINE_BYTES) seen ^= bytes[at] ?? 0;
  fetched ^= seen;
}
