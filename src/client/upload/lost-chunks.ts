import { formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk } from '../../format/manifest.ts';
import type { AskMissing } from './presence.ts';

/**
 * Of chunks that were sent, or said to be there, those that turned out to be missing: the digests
 * that a commit named, and what else the server lacks. One for each digest.
 */
export async function findLost(
  chunks: readonly Chunk[],
  named: ReadonlySet<string>,
  askMissing: AskMissing,
): Promise<Chunk[]> {
  const lost: Chunk[] = [];
  const seen = new Set<string>();
  for (let start = 0; start < chunks.length; start += LIMITS.missingDigestsMax) {
    const page = chunks.slice(start, start + LIMITS.missingDigestsMax);
    const missing = new Set(await askMissing(page.map(({ digest }) => digest)));
    for (const [index, chunk] of page.entries()) {
      const name = formatDigest(chunk.digest);
      if (seen.has(name) || !(missing.has(index) || named.has(name))) continue;
      seen.add(name);
      lost.push(chunk);
    }
  }
  return lost;
}
