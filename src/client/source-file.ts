import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GdpfsError } from '../base/errors.ts';
import { attributesOf, type LocalAttributes } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { isSame, sourceChanged } from './source-state.ts';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;

/** A local file that is being uploaded: it must stay as it was when it was opened. */
export interface SourceFile extends LocalAttributes, AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  /**
   * Fills `views`, one behind the other, from `offset`. Throws `source_changed` if the file ends
   * before. Calls may overlap.
   */
  read(views: readonly Uint8Array[], offset: number): Promise<void>;
  /** Throws `source_changed` if the file is no longer what was opened. */
  requireUnchanged(): Promise<void>;
}

/** Throws `not_found`, `not_a_file` or `local_io`. Never waits for a writer of a fifo. */
export async function openSourceFile(path: string): Promise<SourceFile> {
  const handle = await openFile(path);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) {
      const code = before.isDirectory() ? 'is_a_directory' : 'not_a_file';
      throw new GdpfsError(code, `cannot upload ${quote(path)}: it is not a regular file`);
    }
    return {
      size: Number(before.size),
      ...attributesOf(before),
      read: (views, offset) => readFully({ path, handle, views, offset }),
      requireUnchanged: async () => {
        const after = await handle.stat({ bigint: true });
        if (!isSame(before, after)) throw sourceChanged(path);
      },
      [Symbol.asyncDispose]: () => handle.close(),
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

async function readFully(request: {
  readonly path: string;
  readonly handle: FileHandle;
  readonly views: readonly Uint8Array[];
  readonly offset: number;
}): Promise<void> {
  const { path, handle, views, offset } = request;
  const length = views.reduce((sum, view) => sum + view.length, 0);
  let bytesRead: number;
  try {
    ({ bytesRead } = await handle.readv(views, offset));
  } catch (cause) {
    throw localError('read', path, cause);
  }
  if (bytesRead < length) throw sourceChanged(path);
}
