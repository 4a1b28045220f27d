import { LIMITS } from '../../base/limits.ts';
import type { TreeEntry } from './action.ts';

/** Bytes of headers for one tar entry, at most, beside what its path and target take. */
const TAR_HEADERS_BYTES = 2048;
/** A path is in the headers up to three times, once percent-encoded. */
const TAR_PATH_COPIES = 6;

/** Is it of those that travel in packs, unless the destination wants less? */
export function isPacked({ size }: TreeEntry): boolean {
  return size <= LIMITS.smallFileBytesMax;
}

/**
 * Says where the parts end in which a tree travels: packs, or tars for servers that know none. The first part
 * is small.
 */
export class PartCutter {
  readonly #movesContent: boolean;
  #lengthMax: number = LIMITS.firstNames;
  #length = 0;
  #bytes = 0;
  #headerBytes = 0;

  /** Without `movesContent` files count as if they were empty. */
  constructor(movesContent: boolean) {
    this.#movesContent = movesContent;
  }

  /** Does the part end behind this entry? It has all since the one before ended. */
  endsBehind({ relative, size, target = '' }: TreeEntry): boolean {
    this.#length += 1;
    if (this.#movesContent) this.#bytes += size;
    this.#headerBytes += TAR_HEADERS_BYTES + TAR_PATH_COPIES * Buffer.byteLength(relative + target);
    const isFull =
      this.#length >= this.#lengthMax ||
      this.#bytes >= LIMITS.tarBytesTarget ||
      this.#bytes + this.#headerBytes >= LIMITS.tarBodyBytesMax / 2;
    if (!isFull) return false;
    this.#lengthMax = LIMITS.tarFilesMax;
    this.#length = 0;
    this.#bytes = 0;
    this.#headerBytes = 0;
    return true;
  }
}
