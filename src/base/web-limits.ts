import { KIB, MIB } from './byte-units.ts';

/** Those of the web page: part of `LIMITS`, under which they are used. */
export const WEB_LIMITS = {
  /** Names of one directory that the page holds; beyond, it says that there are more. */
  pageEntriesMax: 100_000,
  /** Records of a volume that one look at its history asks for, and those of its requests. */
  pageHistoryRecords: 2000,
  /** What is shown of a text, and of a table. */
  previewTextBytesMax: 256 * KIB,
  previewRowsMax: 100,
  /** Pictures, which must be whole to be shown. */
  previewPictureBytesMax: 16 * MIB,
  /** Chunks of a file whose digests the page holds. */
  pageChunksMax: 65_536,
  /** Files that the page sends at once, and bodies of each on their way; a body has up to `bodyBytesTarget`. */
  pageFilesAtOnce: 4,
  pageBodiesAtOnce: 2,
  /** Files of one choice. */
  pageFilesMax: 100_000,
  /** Finished transfers that stay listed. */
  pageTransfersShownMax: 200,
  /** How often the page asks again where a repeat is safe. */
  pageRetriesMax: 4,
} as const;
