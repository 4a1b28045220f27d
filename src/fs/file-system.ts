import type { Chunk } from '../format/manifest.ts';
import type {
  Change,
  ChangeContext,
  ChangeResult,
  Entry,
  ListOptions,
  ListPage,
  Moment,
  Upload,
  VolumeInfo,
} from './types.ts';

/** Interface sketch: every `volume` argument is the 32-byte name. Implemented by openFileSystem. */
export interface FileSystem {
  createVolume(options: { alias: string; owner: string; custody: 'server' | 'client'; chunking: 'fixed' | 'cdc' }, context: ChangeContext): Promise<VolumeInfo>;
  /** By alias or by the 43-character name; throws `not_found`. */
  resolveVolume(reference: string): VolumeInfo;
  listVolumes(): VolumeInfo[];

  /** Throws `not_found`, `not_a_directory`. */
  stat(volume: Uint8Array, path: string, at?: Moment): Entry;
  list(volume: Uint8Array, path: string, options: ListOptions): ListPage;
  /** Live chunks of the file version that `entry` describes. */
  manifest(volume: Uint8Array, entry: Entry): Promise<readonly Chunk[]>;
  /** A chunk's bytes, their CRC-32 checked; throws `corrupt` naming the chunk, or `not_found`. */
  readChunk(volume: Uint8Array, chunk: Chunk): Promise<Uint8Array>;

  apply(volume: Uint8Array, change: Change, context: ChangeContext): Promise<ChangeResult>;
  /** Cuts or extends a file to `size`; inside a chunk the chunk is written again. */
  truncate(volume: Uint8Array, path: string, size: number, context: ChangeContext): Promise<ChangeResult>;

  /** Indexes into `digests` of those the volume lacks. */
  missing(volume: Uint8Array, upload: Upload | undefined, digests: readonly Uint8Array[]): number[];
  /** Stores chunk bytes whose checksum and digest have been checked; resolves when durable. */
  putChunk(volume: Uint8Array, chunk: { digest: Uint8Array; checksum: number }, data: Uint8Array, upload?: Upload): Promise<void>;

  /** Opens an upload, or finds the principal's own unfinished one for the same path and size. */
  openUpload(options: Omit<Upload, 'id' | 'createdMs'>): Promise<Upload>;
  upload(id: string, principal: string): Upload;
  /** Digests that arrived for the upload, in pages. */
  arrived(upload: Upload, options: { after?: Uint8Array; limit: number }): Promise<Uint8Array[]>;
  closeUpload(upload: Upload): Promise<void>;
}
