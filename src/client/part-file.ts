import { constants } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { bytesEqual, hexEncode, utf8Encode } from '../base/bytes.ts';
import { crc32, sha256, sha256Async } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import type { Chunk, Manifest } from '../format/manifest.ts';
import { localError, quote } from './local-error.ts';
import { type LocalAttributes, receivedMode, receivedTime } from './local-attributes.ts';

const { O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

/** Only the owner reads what is not whole yet. */
const PART_MODE = 0o600;
const NAME_HEX_LENGTH = 32;

/** Where a download gathers a file: beside the target, so that a rename can finish it. */
export function partPath(target: string): string {
  const digest = hexEncode(sha256(utf8Encode(basename(target))));
  return join(dirname(target), `.gdpfs-part-${digest.slice(0, NAME_HEX_LENGTH)}`);
}

/**
 * A file that is being received. It stays when a download is cut off, and the next one goes on with
 * the chunks that are good in it: what they are is decided by their digests alone.
 */
export interface PartFile extends AsyncDisposable {
  /** Was there something to go on with? */
  readonly isResumed: boolean;
  /** Does the file have the bytes of `chunk` already? `scratch` has room for them. */
  has(chunk: Chunk, scratch: Uint8Array): Promise<boolean>;
  /**
   * Writes `views`, one behind the other, from `offset`. Calls may overlap; they are done one after
   * the other, as the system would, but without threads that spin on the file's lock.
   */
  write(views: readonly Uint8Array[], offset: number): Promise<void>;
  /** Makes it durable under its final name, replacing what had it. */
  finish(attributes: LocalAttributes): Promise<void>;
}

/** Makes or finds the part file of `target`, as long as the file will be, sparse. */
export async function openPartFile(target: string, manifest: Manifest): Promise<PartFile> {
  const path = partPath(target);
  const handle = await openPart(path);
  try {
    const stat = await handle.stat();
    // A hole must read as zeros, whatever an earlier download left there.
    const isResumed = stat.size > 0 && !hasHoles(manifest);
    if (!isResumed) await handle.truncate(0);
    await handle.truncate(manifest.size);
    let last: Promise<void> = Promise.resolve();
    return {
      isResumed,
      has: (chunk, scratch) => hasChunk(handle, chunk, scratch),
      write: (views, offset) => {
        const written = last.then(() => writeFully({ handle, path: target, views, offset }));
        last = written.catch(() => {});
        return written;
      },
      finish: (attributes) => finish({ handle, path, target }, attributes),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (cause) {
    await handle.close();
    throw localError('write', target, cause);
  }
}

async function openPart(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    handle = await open(path, flags, PART_MODE);
  } catch (cause) {
    throw localError('create', path, cause);
  }
  const stat = await handle.stat();
  // A second name would make the finished file change under somebody else's name too.
  if (stat.isFile() && stat.nlink === 1) return handle;
  await handle.close();
  throw new GdpfsError('not_a_file', `cannot write ${quote(path)}: it is not a file of our own`);
}

function hasHoles({ size, chunks }: Manifest): boolean {
  return chunks.reduce((sum, { length }) => sum + length, 0) < size;
}

async function hasChunk(handle: FileHandle, chunk: Chunk, scratch: Uint8Array): Promise<boolean> {
  const view = scratch.subarray(0, chunk.length);
  const { bytesRead } = await handle.read(view, 0, chunk.length, chunk.offset);
  // The checksum is much faster, and enough to know what is not there.
  if (bytesRead < chunk.length || crc32(view) !== chunk.checksum) return false;
  return bytesEqual(await sha256Async(view), chunk.digest);
}

async function writeFully(request: {
  readonly handle: FileHandle;
  readonly path: string;
  readonly views: readonly Uint8Array[];
  readonly offset: number;
}): Promise<void> {
  const { handle, path, views, offset } = request;
  const length = views.reduce((sum, view) => sum + view.length, 0);
  try {
    const { bytesWritten } = await handle.writev(views, offset);
    if (bytesWritten === length) return;
  } catch (cause) {
    throw localError('write', path, cause);
  }
  throw new GdpfsError('no_space', `cannot write ${quote(path)}: no space left on the disk`);
}

/** Content and attributes, then the name, then the directory: a crash leaves the old or the new. */
async function finish(
  part: { readonly handle: FileHandle; readonly path: string; readonly target: string },
  attributes: LocalAttributes,
): Promise<void> {
  const { handle, path, target } = part;
  const time = receivedTime(attributes);
  try {
    await handle.chmod(receivedMode(attributes));
    await handle.utimes(time, time);
    await handle.sync();
    await rename(path, target);
    const directory = await open(dirname(target), constants.O_RDONLY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (cause) {
    throw localError('create', target, cause);
  }
}
