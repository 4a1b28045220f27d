import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import type { Commit } from './commit.ts';
import { ContentFold, contentRoot } from './content.ts';
import { decodeDentry, type Dentry, type Removal } from './dentry.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import type { Manifest } from './manifest.ts';
import { leafHash, MerkleFrontier } from './merkle.ts';
import { decodeFchunk, decodeMeta, decodeRecord, logName } from './records.ts';

/** The records of file logs seen so far, kept by whoever verifies a volume. */
export interface FileLogRecords {
  /** Records of the log, in order; empty for an unknown log. */
  read(log: Uint8Array): readonly Uint8Array[];
  append(log: Uint8Array, records: readonly Uint8Array[]): void;
}

/** A dentry of a commit, and for a file what its pinned log says. */
export interface CheckedDentry {
  readonly dentry: Dentry | Removal;
  readonly manifest?: Manifest;
}

/**
 * Checks what a commit's dentries say of files against the file logs' records: name, root, content
 * root and size (DESIGN §3). The commit itself must have passed `verifyCommit`. Its own records are
 * added to `logs`. Throws `untrusted` for a pin that the records do not bear out.
 */
export function checkPins(commit: Commit, logs: FileLogRecords): CheckedDentry[] {
  for (const part of commit.parts) {
    const known = logs.read(part.log).length;
    if (part.firstSeq !== known) {
      throw untrusted(commit, `a file log goes on at ${part.firstSeq}, need ${known}`);
    }
    const [first] = part.records;
    if (known === 0 && (first === undefined || !bytesEqual(logName(first), part.log))) {
      throw untrusted(commit, 'a file log has another name than its first record gives it');
    }
    logs.append(part.log, part.records);
  }
  const checked: CheckedDentry[] = [];
  for (const [index, bytes] of commit.records.entries()) {
    const body = decodeRecord(bytes);
    if (body.case !== 'dentry') continue;
    const dentry = decodeDentry(commit.firstSeq + index, body.value);
    const isFile = !('removed' in dentry) && dentry.file !== undefined;
    checked.push(isFile ? { dentry, manifest: checkFile(commit, dentry, logs) } : { dentry });
  }
  return checked;
}

function checkFile(commit: Commit, { file, size }: Dentry, logs: FileLogRecords): Manifest {
  if (file === undefined) throw untrusted(commit, 'a file has no content');
  const { log, logCount, root, content } = file;
  const records = logs.read(log).slice(0, logCount);
  if (records.length < logCount) throw untrusted(commit, 'records of a file log are missing');
  const frontier = new MerkleFrontier();
  for (const record of records) frontier.append(leafHash(record));
  if (!bytesEqual(frontier.root(), root))
    throw untrusted(commit, 'the root of a file log is wrong');
  const manifest = foldFileLog(records);
  if (!bytesEqual(contentRoot(manifest), content)) {
    throw untrusted(commit, 'the content of a file is not what its log says');
  }
  if (manifest.size !== size) throw untrusted(commit, 'the size of a file is wrong');
  return manifest;
}

/** The content that a file log's records add up to. Throws `corrupt` for records that do not. */
export function foldFileLog(records: readonly Uint8Array[]): Manifest {
  const [meta, ...fchunks] = records;
  decodeMeta(meta ?? new Uint8Array(0), LogKind.FILE);
  const fold = new ContentFold();
  try {
    for (const record of fchunks) fold.apply(decodeFchunk(record));
  } catch (error) {
    // The fold speaks to a writer; these are records that somebody has already signed.
    if (!isGdpfsError(error, 'bad_request')) throw error;
    throw new GdpfsError('corrupt', `cannot read file log: ${error.message}`, { cause: error });
  }
  return fold.manifest();
}

function untrusted(commit: Commit, why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot verify commit at ${commit.firstSeq}: ${why}`);
}
