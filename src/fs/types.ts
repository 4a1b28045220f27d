import type { Chunk } from '../format/manifest.ts';
import type { Rights } from './rights.ts';

/** What the file system says of one name. Times are microseconds since the Unix epoch. */
export interface Entry {
  /** Path inside the volume: `''` for the root directory, otherwise `a/b` without a leading slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Number of the node, constant through renames. The root directory is 0. */
  readonly node: number;
  /** seq of the dentry that says this. */
  readonly seq: number;
  /** Bytes; 0 for all but files. */
  readonly size: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly mtimeUs: number;
  /** Principal who made this version. */
  readonly author: string;
  /** Files only. */
  readonly file?: FileState;
  /** Symbolic links only. */
  readonly target?: string;
}

/** The content of a file: the file log that holds it and what its dentry pins. */
export interface FileState {
  /** Name of the file log, 32 bytes. */
  readonly log: Uint8Array;
  /** Records of the log that belong to this version. */
  readonly logCount: number;
  /** RFC 6962 root over these records. */
  readonly root: Uint8Array;
  /** Merkle root of the live chunks: the ETag. */
  readonly content: Uint8Array;
}

/** A moment of a volume: a seq (state after that record), a time, or a snapshot; undefined means now. */
export type Moment =
  | { readonly kind: 'seq'; readonly seq: number }
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'snapshot'; readonly name: string };

export interface ListOptions {
  /** False: the children; true: everything below, depth first, a directory before its content. */
  readonly recursive: boolean;
  /** Entries at most. */
  readonly limit: number;
  /** Go on behind this path (relative to the listed directory), which need not exist any more. */
  readonly after?: string;
  readonly at?: Moment;
  /** Whose eyes see the tree; all is seen if absent. */
  readonly rights?: Rights;
}

export interface FindOptions {
  /** Parsed, relative to the directory. */
  readonly paths: readonly string[];
  readonly at?: Moment;
  /** Whose eyes see the tree; all is seen if absent. */
  readonly rights?: Rights;
}

export interface ListPage {
  /** In the order of the UTF-8 bytes of the names. */
  readonly entries: readonly Entry[];
  /** `after` for the next page; absent at the end. */
  readonly next?: string;
  /** The volume's state that was listed, for `at` of the next page. */
  readonly seq: number;
}

/** What a listing of many names tells of each. */
export interface BriefEntry extends Pick<Entry, 'kind' | 'size' | 'mode' | 'mtimeUs' | 'target'> {
  /** Path below the listed directory. */
  readonly relative: string;
  /** Content root; files only. */
  readonly content?: Uint8Array;
}

export interface BriefPage extends Omit<ListPage, 'entries'> {
  readonly entries: readonly BriefEntry[];
}

/**
 * Conditions on the target of a change, from If-Match and If-None-Match. For a rename `content` is
 * that of what is renamed.
 */
export interface Precondition {
  /** The file there must have this content root, else `changed`. */
  readonly content?: Uint8Array;
  /** Nothing may be there, else `exists`. */
  readonly absent?: boolean;
}

/** A new file log that was made here: nobody has one of its name. */
export interface MadeFile {
  /** The meta record, and one for each chunk. */
  readonly records: readonly Uint8Array[];
  readonly made: {
    readonly log: Uint8Array;
    /** Of the records. */
    readonly root: Uint8Array;
    /** Of the chunks. */
    readonly content: Uint8Array;
    readonly size: number;
    readonly chunks: readonly Chunk[];
  };
}

/** A file's new content: its log's records as they will be stored, and what they must add up to. */
export interface FileContent {
  /** Serialized GDPfsMsg: the meta record first (a new log), or only fchunks (an append). */
  readonly records: readonly Uint8Array[];
  readonly root?: Uint8Array;
  readonly content?: Uint8Array;
  /** What the records say, where they were made of it here: they need not be read to know. */
  readonly made?: MadeFile['made'];
  /**
   * Who names the chunks without having sent them all along: each must be one that they may know of.
   * Absent where every byte came with the request.
   */
  readonly claimant?: Claimant;
}

/** Somebody who says that chunks are there. */
export interface Claimant {
  readonly principal: string;
  /** May read the whole volume, and so know of every chunk that a file of it uses. */
  readonly readsAll: boolean;
  /** Otherwise: is it a chunk of something that they may read? Nothing is, if absent. */
  readonly mayRead?: (digest: Uint8Array) => boolean;
}

export interface Attributes {
  readonly mode?: number;
  readonly mtimeUs?: number;
}

/**
 * A change to one volume. Paths are parsed (format/path.ts). Each is atomic; `many` is atomic as a
 * whole. Missing parents are an error unless `parents` is true.
 */
export type Change =
  | ({ readonly kind: 'mkdir'; readonly path: string; readonly parents?: boolean } & Attributes)
  | ({
      readonly kind: 'symlink';
      readonly path: string;
      readonly target: string;
      readonly parents?: boolean;
      readonly precondition?: Precondition;
    } & Attributes)
  /** Creates the file or replaces its content, with a new file log. Every chunk must be stored. */
  | ({
      readonly kind: 'put';
      readonly path: string;
      readonly file: FileContent;
      readonly parents?: boolean;
      readonly precondition?: Precondition;
    } & Attributes)
  /** Adds records to the file's log; `precondition.content` names what they continue. */
  | ({
      readonly kind: 'extend';
      readonly path: string;
      readonly file: FileContent;
      readonly precondition: { readonly content: Uint8Array };
    } & Attributes)
  | {
      readonly kind: 'rename';
      readonly path: string;
      readonly to: string;
      readonly precondition?: Precondition;
    }
  /** A second name with the same content, no bytes moved; directories with `recursive`. */
  | {
      readonly kind: 'copy';
      readonly path: string;
      readonly to: string;
      readonly recursive?: boolean;
      readonly parents?: boolean;
      readonly at?: Moment;
      readonly precondition?: Precondition;
    }
  | {
      readonly kind: 'remove';
      readonly path: string;
      readonly recursive?: boolean;
      readonly only?: 'file' | 'directory';
      readonly precondition?: Precondition;
    }
  | {
      readonly kind: 'set';
      readonly path: string;
      readonly attributes: Attributes;
      readonly precondition?: Precondition;
    }
  /** Undelete or roll back: `path` becomes again what it was at `at`. */
  | { readonly kind: 'restore'; readonly path: string; readonly at: Moment }
  | { readonly kind: 'many'; readonly changes: readonly Change[] };

/** Who asks, and under which request id; a repeat of the id gets the first answer. */
export interface ChangeContext {
  readonly author: string;
  /** What the author may do in the volume: checked where the change is made. All if absent. */
  readonly rights?: Rights;
  /** An upload was opened for the change: its bytes have counted since then. */
  readonly isReserved?: boolean;
  readonly request?: RequestIdentity;
}

export interface RequestIdentity {
  readonly id: string;
  /** SHA-256 over method, target and body: the same id with another one is `request_reused`. */
  readonly fingerprint: Uint8Array;
}

/** What a change did. Kept with its request id, so it is small and holds JSON values only. */
export interface ChangeResult {
  /** seq of the last dentry written, or the volume's newest if there was nothing to do. */
  readonly seq: number;
  /** Node of the entry that the change is about; of the last one in `many`. */
  readonly node: number;
  /** Entries created, changed or removed. */
  readonly count: number;
}

export interface VolumeInfo {
  /** SHA-256 of the directory log's first record. */
  readonly name: Uint8Array;
  readonly alias: string;
  /** Principal. */
  readonly owner: string;
  readonly custody: 'server' | 'client';
  readonly chunking: 'fixed' | 'cdc';
  readonly createdMs: number;
  /** Records in the directory log. */
  readonly count: number;
}

/** An unfinished upload: a set of digests that its file may name, never a map of offsets. */
export interface Upload {
  readonly id: string;
  readonly principal: string;
  /** Internal number of the volume. */
  readonly volume: Uint8Array;
  readonly path: string;
  /** Undefined: only the commit says it. */
  readonly size?: number;
  readonly chunkSize: number;
  /** Appends: the content it continues. */
  readonly base?: Uint8Array;
  /** Bytes by which the volume grows when it is committed, for its quota. 0 if absent. */
  readonly growth?: number;
  readonly createdMs: number;
}
