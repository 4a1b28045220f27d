import { utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import { parseName } from './path.ts';
import type { DentryInit } from './record-encoder.ts';
import { safeInteger } from './records.ts';

const MODE_MAX = 0o7777;

/** What a dentry pins of a file: its log up to a record, and the content that this adds up to. */
export interface FilePin {
  /** Name of the file log. */
  readonly log: Uint8Array;
  /** Records of the log that belong to this version. */
  readonly logCount: number;
  /** RFC 6962 root over these records. */
  readonly root: Uint8Array;
  /** Merkle root of the live chunks. */
  readonly content: Uint8Array;
}

/** A dentry whose fields have been checked: all that a fold needs, in plain numbers. */
export interface Dentry {
  readonly seq: number;
  readonly node: number;
  /** The record makes the node: `node` is its own `seq`. */
  readonly isNew: boolean;
  readonly parent: number;
  readonly name: string;
  readonly kind: NodeKind.FILE | NodeKind.DIRECTORY | NodeKind.SYMLINK;
  /** Bytes; 0 for all but files. */
  readonly size: number;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly author: string;
  /** Files only. */
  readonly file: FilePin | undefined;
  /** Symbolic links only. */
  readonly target: string | undefined;
}

/** The dentry at `seq` says that a node, and all below it, is hidden from now on. */
export interface Removal {
  readonly seq: number;
  readonly node: number;
  readonly removed: true;
}

/** Throws `corrupt` unless the record at `seq` has values that a dentry can have. */
export function decodeDentry(seq: number, init: DentryInit): Dentry | Removal {
  try {
    const node = init.node === undefined ? seq : safeInteger(init.node, 'node');
    if (init.removed === true) {
      if (init.node === undefined) throw malformed('it removes no node');
      return { seq, node, removed: true };
    }
    return decodeFields(init, { seq, node });
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    throw new GdpfsError('corrupt', `cannot apply dentry ${seq}: ${error.message}`, {
      cause: error,
    });
  }
}

function decodeFields(init: DentryInit, { seq, node }: Pick<Dentry, 'seq' | 'node'>): Dentry {
  const { kind, mode = 0, author = '' } = init;
  if (kind !== NodeKind.FILE && kind !== NodeKind.DIRECTORY && kind !== NodeKind.SYMLINK) {
    throw malformed(`its kind is ${kind}`);
  }
  if (mode > MODE_MAX) throw malformed(`its mode is ${mode.toString(8)}`);
  const mtimeUs = Number(init.mtimeUs ?? 0);
  if (!Number.isSafeInteger(mtimeUs)) throw malformed(`its time is ${init.mtimeUs}`);
  const size = safeInteger(init.size ?? 0, 'size');
  if (kind !== NodeKind.FILE && size !== 0) throw malformed('it has a size and is no file');
  return {
    seq,
    node,
    isNew: init.node === undefined,
    parent: safeInteger(init.parent ?? 0, 'parent'),
    name: parseName(init.name ?? ''),
    kind,
    size,
    mode,
    mtimeUs,
    author,
    file: kind === NodeKind.FILE ? decodePin(init) : undefined,
    target: kind === NodeKind.SYMLINK ? parseLinkTarget(init.target ?? '') : undefined,
  };
}

function decodePin(init: DentryInit): FilePin {
  const { log, root, content } = init;
  const logCount = safeInteger(init.logCount ?? 0, 'log count');
  if (log?.length !== DIGEST_BYTES) throw malformed('its log has no name');
  if (root?.length !== DIGEST_BYTES) throw malformed('its log has no root');
  if (content?.length !== DIGEST_BYTES) throw malformed('its content has no root');
  if (logCount < 1 || logCount > LIMITS.fileRecordsMax) {
    throw malformed(`its log has ${logCount} records`);
  }
  return { log, logCount, root, content };
}

/** The target of a symbolic link as symlink(2) takes it. Throws `bad_request`, `name_too_long`. */
export function parseLinkTarget(target: string): string {
  if (target === '' || target.includes('\0') || !target.isWellFormed()) {
    throw new GdpfsError(
      'bad_request',
      `cannot link to ${JSON.stringify(target)}: need a path, well-formed and without NUL`,
    );
  }
  const length = utf8Encode(target).length;
  if (length > LIMITS.symlinkTargetBytesMax) {
    throw new GdpfsError(
      'name_too_long',
      `cannot link to a path of ${length} bytes: need at most ${LIMITS.symlinkTargetBytesMax}`,
    );
  }
  return target;
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('corrupt', why);
}
