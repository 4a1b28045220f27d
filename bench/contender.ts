import type { Command } from '../tools/gdpfs-process.ts';

export type Kind = 'file' | 'tree';

export const DIRECTIONS = ['up', 'down'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** One way to bring data to the other side and back. */
export interface Contender {
  readonly name: ContenderName;
  readonly kinds: readonly Kind[];
  /** The program on the other side; its children belong to it. */
  readonly serverPid: number;
  /** Where the other side keeps what was copied, if as plain files. */
  readonly folder?: string;
  /** Copies `path` to the other side, where there is nothing of that name. */
  readonly up: (item: Item) => Command;
  /** Copies from the other side to `path`, where there is nothing. */
  readonly down: (item: Item) => Command;
}

export interface Item {
  readonly kind: Kind;
  /** On the other side. */
  readonly name: string;
  /** On this side. */
  readonly path: string;
}

/** What each knows of the content when it is done. */
export const CHECKS = {
  gdpfs: 'SHA-256 of every chunk and every small file, on both sides',
  scp: 'what the connection carries, not what is written',
  'rsync over ssh': 'a hash of every file that it transfers',
  'tar | ssh': 'what the connection carries, not what is written',
  'rclone, webdav': 'the size: its WebDAV has no hashes',
  'rclone, sftp': 'MD5, on both sides',
  'curl, nginx': 'nothing',
} as const;

export type ContenderName = keyof typeof CHECKS;
export type PeerName = Exclude<ContenderName, 'gdpfs'>;
