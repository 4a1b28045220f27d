import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { contentRoot } from '../format/content.ts';
import { decodePack, type UnpackedFile } from '../wire/file-pack.ts';

/**
 * The files of a pack, for one who asked for so many. A body that cannot be read is as if it had not
 * come: each file can still be fetched by itself.
 */
export function unpackFiles(
  pack: Uint8Array | undefined,
  askedCount: number,
): readonly UnpackedFile[] {
  if (pack === undefined) return [];
  try {
    return decodePack(pack, askedCount);
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    return [];
  }
}

/** Its content root, computed from its bytes. */
export function rootOf({ data, pieces }: Pick<UnpackedFile, 'data' | 'pieces'>): Uint8Array {
  const chunks = pieces.map(({ offset, length }) => {
    const digest = sha256(data.subarray(offset, offset + length));
    return { offset, length, checksum: 0, digest };
  });
  return contentRoot({ size: data.length, chunks });
}

/** That of a file of one chunk, or of an empty one. */
export function rootOfWhole(data: Uint8Array): Uint8Array {
  return rootOf({ data, pieces: data.length === 0 ? [] : [{ offset: 0, length: data.length }] });
}
