import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Usage } from '../fs/usage.ts';
import type { QuotaRow } from '../fs/system-view.ts';
import type { Upload } from '../fs/types.ts';

/** What the volume of an upload may hold, and holds, if that is known. */
export interface Room {
  readonly quota: QuotaRow;
  readonly usage: Usage | undefined;
}

/**
 * What came for each upload since the server began. Chunks that no file names take space, too: an upload
 * may send what its file can need, repeated by retries, and not whatever it likes.
 */
export class StagedBytes {
  readonly #bytes = new Map<string, number>();

  /** Throws `quota_exceeded`. */
  add(upload: Upload, bytes: number, room: Room): void {
    const { id } = upload;
    const total = (this.#bytes.get(id) ?? 0) + bytes;
    const most = mostBytes(upload, room);
    if (total > most) {
      const state = `${total} bytes came for the upload of "${upload.path}", need at most ${most}`;
      throw new GdpfsError('quota_exceeded', `cannot store chunks: ${state}`);
    }
    // The one that was longest without any is the first to be forgotten.
    this.#bytes.delete(id);
    if (this.#bytes.size >= LIMITS.stagedUploadsMax) {
      const [oldest = ''] = this.#bytes.keys();
      this.#bytes.delete(oldest);
    }
    this.#bytes.set(id, total);
  }
}

function mostBytes({ size }: Upload, { quota, usage }: Room): number {
  if (size !== undefined) return size * LIMITS.stagedTimesMax + LIMITS.stagedSlackBytes;
  // Nobody knows how large it becomes: at most what the volume has room for.
  if (quota.bytes === 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, quota.bytes - (usage?.bytes ?? 0)) + LIMITS.stagedSlackBytes;
}
