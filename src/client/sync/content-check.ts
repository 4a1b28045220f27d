import { type FileHandle, open } from 'node:fs/promises';
import { bytesEqual } from '../../base/bytes.ts';
import { formatDigest, sha256, sha256Async, sharedBytes } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { contentRoot } from '../../format/content.ts';
import type { Chunk, Manifest } from '../../format/manifest.ts';
import { localError } from '../local-error.ts';
import { fetchManifest, type FileVersion } from '../manifest.ts';
import type { Session } from '../session.ts';

/**
 * Has the local file at `path` the content of `version`? Throws what keeps it from being read. A file
 * that changes meanwhile may be taken for either.
 */
export async function hasContent(
  session: Session,
  version: FileVersion,
  path: string,
): Promise<boolean> {
  if (version.size <= LIMITS.smallFileBytesMax) {
    const isSame = await withFile(path, (file) => hasRoot(file, version));
    if (isSame) return true;
  }
  return await isContentOf(path, await fetchManifest(session, version));
}

/** The same for a manifest. Reads until the first chunk that differs. */
export async function isContentOf(path: string, { size, chunks }: Manifest): Promise<boolean> {
  return await withFile(path, async (file) => {
    return (await file.stat()).size === size && (await hasChunks(file, size, chunks));
  });
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path);
  try {
    return await use(file);
  } catch (cause) {
    throw localError('read', path, cause);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/** Most small files are one chunk, whose digest says it all. */
async function hasRoot(file: FileHandle, { size, etag }: FileVersion): Promise<boolean> {
  if ((await file.stat()).size !== size) return false;
  const data = new Uint8Array(size);
  if (!(await readAll(file, data, 0))) return false;
  const chunk = { offset: 0, length: size, checksum: 0, digest: sha256(data) };
  return formatDigest(contentRoot({ size, chunks: size === 0 ? [] : [chunk] })) === etag;
}

async function hasChunks(
  file: FileHandle,
  size: number,
  chunks: readonly Chunk[],
): Promise<boolean> {
  const buffer = sharedBytes(LIMITS.chunkBytesMax);
  let position = 0;
  for (const { offset, length, digest } of chunks) {
    if (!(await isZero(file, { from: position, to: offset }, buffer))) return false;
    const data = buffer.subarray(0, length);
    if (!(await readAll(file, data, offset))) return false;
    if (!bytesEqual(await sha256Async(data), digest)) return false;
    position = offset + length;
  }
  return await isZero(file, { from: position, to: size }, buffer);
}

async function isZero(
  file: FileHandle,
  { from, to }: { readonly from: number; readonly to: number },
  buffer: Uint8Array,
): Promise<boolean> {
  for (let position = from; position < to; ) {
    const data = buffer.subarray(0, Math.min(buffer.length, to - position));
    if (!(await readAll(file, data, position))) return false;
    if (data.some((byte) => byte !== 0)) return false;
    position += data.length;
  }
  return true;
}

/** False if the file ends before. */
async function readAll(file: FileHandle, into: Uint8Array, offset: number): Promise<boolean> {
  for (let length = 0; length < into.length; ) {
    const view = into.subarray(length);
    const { bytesRead } = await file.read(view, 0, view.length, offset + length);
    if (bytesRead === 0) return false;
    length += bytesRead;
  }
  return true;
}
