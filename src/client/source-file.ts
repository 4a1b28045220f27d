import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GdpfsError } from '../base/errors.ts';
import { attributesOf, type LocalAttributes } from './local-attributes.ts';
import { openDirect } from './direct-file.ts';
import { localError, quote } from './local-error.ts';
import { isSame, sourceChanged } from './source-state.ts';
import type { Filled, FilePart } from './upload/fill-job.ts';
import { fillAsync } from './upload/fill-threads.ts';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;

/** What stat(2) counts blocks in. */
const BLOCK_BYTES = 512;

/** A local file that is being uploaded: it must stay as it was when it was opened. */
export interface SourceFile extends LocalAttributes, AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  /** As it was when it was opened. */
  readonly stats: BigIntStats;
  /**
   * Reads a part into `bytes`, as frames of its chunks; chunks of zeros are left out if the file has
   * holes, and `isUnsummed` leaves out their checksums. Throws `source_changed` if the file ends before.
   * Calls may overlap.
   */
  fill(bytes: Uint8Array, part: FilePart, isUnsummed: boolean): Promise<Filled>;
  /** Throws `source_changed` if the file is no longer what was opened. */
  requireUnchanged(): Promise<void>;
}

/** Throws `not_found`, `not_a_file` or `local_io`. Never waits for a writer of a fifo. */
export async function openSourceFile(path: string): Promise<SourceFile> {
  const handle = await openFile(path);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) {
      const code = stats.isDirectory() ? 'is_a_directory' : 'not_a_file';
      throw new GdpfsError(code, `cannot upload ${quote(path)}: it is not a regular file`);
    }
    const size = Number(stats.size);
    const dropZeros = Number(stats.blocks) * BLOCK_BYTES < size;
    const probe = dropZeros ? await openDirect(handle, O_RDONLY) : undefined;
    const job = { file: handle.fd, path, dropZeros, probe: probe?.fd };
    return {
      size,
      stats,
      ...attributesOf(stats),
      fill: (bytes, part, isUnsummed) => fillAsync({ ...job, bytes, part, isUnsummed }, size),
      requireUnchanged: async () => {
        const after = await handle.stat({ bigint: true });
        if (!isSame(stats, after)) throw sourceChanged(path);
      },
      [Symbol.asyncDispose]: async () => {
        await probe?.close();
        await handle.close();
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  } catch (cause) {
    throw localError('read', path, cause);
  }
}
