import { copyBytes } from '../base/bytes.ts';
import { sharedBytes } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { encodePackHead, type PackedFile } from '../wire/file-pack.ts';
import { decodeTar } from '../wire/tar.ts';

/**
 * The files of a tar as a pack, where a server knows no packs; `relatives` is what it was asked for.
 * Undefined for what is no tar: each file can still be fetched by itself.
 */
export function tarAsPack(tar: Uint8Array, relatives: readonly string[]): Uint8Array | undefined {
  const indexes = new Map(relatives.map((relative, index) => [relative, index]));
  const files: PackedFile[] = [];
  try {
    for (const entry of decodeTar(tar)) {
      const index = indexes.get(entry.path);
      if (entry.kind !== 'file' || index === undefined) continue;
      const { length: size, byteOffset } = entry.data;
      const pieces = entry.manifest ?? (size === 0 ? [] : [{ offset: 0, length: size }]);
      const place = byteOffset - tar.byteOffset;
      files.push({ index, size, pieces, places: pieces.map(({ offset }) => place + offset) });
    }
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    return undefined;
  }
  const head = encodePackHead(files.toSorted((left, right) => left.index - right.index));
  const pack = sharedBytes(head.length + tar.length);
  copyBytes(head, pack, 0);
  copyBytes(tar, pack, head.length);
  return pack;
}
