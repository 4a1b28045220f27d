import type { Session } from '../session.ts';
import type { TreeEntry } from './action.ts';
import type { OnProgress } from '../tally.ts';
import type { PartAction } from './part-sender.ts';

/** A directory of a volume. */
export interface VolumeDirectory {
  readonly session: Session;
  /** `/<volume>/<path>`. */
  readonly path: string;
}

/** What a file cost that was sent. */
export interface SentFile {
  /** Bytes of the file. */
  readonly size: number;
  readonly bytesSent: number;
  readonly bytesReused: number;
  /** If the MD5 of both ends was compared. */
  readonly md5?: string | undefined;
}

export interface SendFileOptions {
  /** `/<volume>/<path>`. */
  readonly path: string;
  /** What is there, and may have the same content. */
  readonly unsureOf?: TreeEntry | undefined;
  readonly onProgress: OnProgress;
}

/** Where the entries come from that an executor brings into a volume. */
export interface VolumeSource {
  /** Content of files travels: a part has only so much of it. */
  readonly movesContent: boolean;
  /** Bytes of the largest file that goes in a part; below 0 if none does. */
  readonly partFileBytesMax: number;
  /**
   * Brings directories, links and small files, all of `part`, or, if something in it is refused, all
   * others. Counts them; failures go to the tally.
   */
  sendPart(part: readonly PartAction[]): Promise<void>;
  /** Brings one file to where it belongs, unless what is there turns out to be the same. */
  sendFile(entry: TreeEntry, options: SendFileOptions): Promise<SentFile>;
  /** How messages name an entry of it. */
  nameOf(entry: TreeEntry): string;
}
