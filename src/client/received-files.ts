import { bytesEqual } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { contentRoot } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { decodeTar, type TarFile } from '../wire/tar.ts';

/**
 * The files of a tar body, by path. A body that cannot be read is as if it had not come: each file
 * can still be fetched by itself.
 */
export function unpackFiles(tar: Uint8Array | undefined): ReadonlyMap<string, TarFile> {
  if (tar === undefined) return new Map();
  try {
    const files = decodeTar(tar).filter((entry) => entry.kind === 'file');
    return new Map(files.map((file) => [file.path, file]));
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    return new Map();
  }
}

/** Is it, byte by byte, the content that the ETag names? */
export function hasContent(
  { data, manifest }: Pick<TarFile, 'data' | 'manifest'>,
  expected: { readonly size: number; readonly etag: string },
): boolean {
  if (data.length !== expected.size) return false;
  if (manifest !== undefined && !hasChunks(data, manifest)) return false;
  const chunks = manifest ?? wholeChunk(data);
  return formatDigest(contentRoot({ size: data.length, chunks })) === expected.etag;
}

/** Are these the bytes of the chunks, and zeros between them? No digest covers the holes of a file. */
function hasChunks(data: Uint8Array, chunks: readonly Chunk[]): boolean {
  let end = 0;
  for (const { offset, length, digest } of chunks) {
    if (!areZeros(data.subarray(end, offset))) return false;
    end = offset + length;
    if (!bytesEqual(sha256(data.subarray(offset, end)), digest)) return false;
  }
  return areZeros(data.subarray(end));
}

function areZeros(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function wholeChunk(data: Uint8Array): Chunk[] {
  if (data.length === 0) return [];
  return [{ offset: 0, length: data.length, checksum: 0, digest: sha256(data) }];
}
