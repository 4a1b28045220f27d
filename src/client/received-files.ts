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
export async function unpackFiles(
  tar: Uint8Array | undefined,
): Promise<ReadonlyMap<string, TarFile>> {
  if (tar === undefined) return new Map();
  try {
    const files = (await decodeTar(tar)).filter((entry) => entry.kind === 'file');
    return new Map(files.map((file) => [file.path, file]));
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    return new Map();
  }
}

/** Is it, byte by byte, the content that the ETag names? */
export function hasContent(
  { data, manifest }: TarFile,
  expected: { readonly size: number; readonly etag: string },
): boolean {
  if (data.length !== expected.size) return false;
  const chunks = manifest ?? wholeChunk(data);
  const areGood = chunks.every(({ offset, length, digest }) => {
    return bytesEqual(sha256(data.subarray(offset, offset + length)), digest);
  });
  if (!areGood || !areZeros(data, chunks)) return false;
  return formatDigest(contentRoot({ size: data.length, chunks })) === expected.etag;
}

/** Is everything between the chunks zero? No digest covers the holes of a file. */
function areZeros(data: Uint8Array, chunks: readonly Chunk[]): boolean {
  let end = 0;
  for (const { offset, length } of [...chunks, { offset: data.length, length: 0 }]) {
    if (data.subarray(end, offset).some((byte) => byte !== 0)) return false;
    end = offset + length;
  }
  return true;
}

function wholeChunk(data: Uint8Array): Chunk[] {
  if (data.length === 0) return [];
  return [{ offset: 0, length: data.length, checksum: 0, digest: sha256(data) }];
}
