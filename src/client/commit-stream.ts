import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Commit, decodeCommit } from '../format/commit.ts';
import { ByteReader } from '../format/byte-reader.ts';
import type { VolumeCommitsGetQuery } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { CallOptions } from './files.ts';
import { withRetry } from './retry.ts';
import type { Session } from './session.ts';

const LENGTH_BYTES = 4;

/**
 * Hands every commit of a volume to `take`, in order. `next` says which record is wanted first: it
 * is asked again when a broken connection makes the stream begin anew.
 */
export async function readCommits(
  session: Session,
  options: CallOptions & {
    /** Alias or 43-character name. */
    readonly volume: string;
    readonly next: () => number;
    readonly take: (commit: Commit) => void;
  },
): Promise<void> {
  const { volume, next, take, signal } = options;
  await withRetry(
    async () => {
      const frames = new SizedFrames();
      const from = next();
      const query: VolumeCommitsGetQuery = { from };
      await session.request({
        method: 'GET',
        route: `/api/v1/volumes/${encodeURIComponent(volume)}/commits`,
        query,
        accept: MEDIA_TYPES.commits,
        onData: (piece) => {
          for (const bytes of frames.push(piece)) take(decodeCommit(bytes));
        },
        signal,
      });
      frames.end();
    },
    { signal },
  );
}

/** Finds `uint32 length | bytes` in a stream of pieces of any size: commits as they are stored. */
export class SizedFrames {
  #pieces: Uint8Array[] = [];
  #available = 0;
  /** Bytes that the frame at the front needs, its length included; 0 while that is unknown. */
  #needed = 0;

  /** The frames that `piece` completes. */
  push(piece: Uint8Array): Uint8Array[] {
    this.#pieces.push(piece);
    this.#available += piece.length;
    const frames: Uint8Array[] = [];
    while (this.#available >= Math.max(this.#needed, LENGTH_BYTES)) {
      const bytes = this.#joined();
      this.#needed = LENGTH_BYTES + new ByteReader(bytes, 'commits').uint32();
      if (this.#needed > LENGTH_BYTES + LIMITS.frameBytesMax) {
        throw new GdpfsError('corrupt', `cannot read commits: one has ${this.#needed} bytes`);
      }
      if (bytes.length < this.#needed) break;
      frames.push(bytes.subarray(LENGTH_BYTES, this.#needed));
      this.#pieces = [bytes.subarray(this.#needed)];
      this.#available -= this.#needed;
      this.#needed = 0;
    }
    return frames;
  }

  end(): void {
    if (this.#available > 0) throw new GdpfsError('unavailable', 'cannot read commits: cut off');
  }

  #joined(): Uint8Array {
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && first !== undefined) return first;
    const bytes = concatBytes(this.#pieces);
    this.#pieces = [bytes];
    return bytes;
  }
}
