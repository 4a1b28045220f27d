import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ContentFold, contentRoot } from '../format/content.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import type { Chunk } from '../format/manifest.ts';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { decodeFchunk, decodeMeta, logName } from '../format/records.ts';
import type { Claimant, FileContent, MadeFile } from './types.ts';

/** A file version computed from its log's records, ready to be pinned by a dentry. */
export interface PreparedFile {
  readonly log: Uint8Array;
  /** Records that the commit adds, from `firstSeq` of the file log on. */
  readonly firstSeq: number;
  readonly records: readonly Uint8Array[];
  /** Records of the whole log. */
  readonly logCount: number;
  readonly root: Uint8Array;
  readonly content: Uint8Array;
  readonly size: number;
  /** Chunks that the new records name; each must be stored before the commit. */
  readonly chunks: readonly Chunk[];
  readonly claimant: Claimant | undefined;
  /** The log's first record was made here: nobody has a log of that name. */
  readonly isOwn: boolean;
}

/**
 * Folds the records of a file log: `existing` as they are stored, then `file.records`. Throws
 * `bad_request` for records that cannot follow, `wrong_root` if they do not add up to the roots that
 * the caller computed.
 */
export function prepareFile(file: FileContent, existing: readonly Uint8Array[] = []): PreparedFile {
  if (file.made !== undefined) return prepareMade(file, file.made);
  const all = [...existing, ...file.records];
  if (all.length > LIMITS.fileRecordsMax) {
    throw new GdpfsError('body_too_large', `cannot write file: ${all.length} records`);
  }
  const [meta, ...fchunks] = all;
  if (meta === undefined || file.records.length === 0) throw malformed('it has no records');
  const frontier = new MerkleFrontier();
  const fold = new ContentFold();
  const chunks: Chunk[] = [];
  try {
    const { chunkSize } = decodeMeta(meta, LogKind.FILE);
    if (chunkSize === 0 || chunkSize > LIMITS.chunkBytesMax) throw malformed('its chunk size');
    frontier.append(leafHash(meta));
    for (const [index, record] of fchunks.entries()) {
      const chunk = decodeFchunk(record);
      fold.apply(chunk);
      frontier.append(leafHash(record));
      if (index + 1 >= existing.length && chunk.length > 0) chunks.push(chunk);
    }
  } catch (error) {
    if (isGdpfsError(error, 'corrupt')) throw malformed(error.message);
    throw error;
  }
  const manifest = fold.manifest();
  const root = frontier.root();
  const content = contentRoot(manifest);
  checkRoot('log', root, file.root);
  checkRoot('content', content, file.content);
  return {
    log: logName(meta),
    firstSeq: existing.length,
    records: file.records,
    logCount: all.length,
    root,
    content,
    size: manifest.size,
    chunks,
    claimant: file.claimant,
    isOwn: false,
  };
}

function prepareMade({ records, claimant }: FileContent, made: MadeFile['made']): PreparedFile {
  return { ...made, firstSeq: 0, records, logCount: records.length, claimant, isOwn: true };
}

function checkRoot(what: string, computed: Uint8Array, claimed: Uint8Array | undefined): void {
  if (claimed !== undefined && !bytesEqual(computed, claimed)) {
    throw new GdpfsError(
      'wrong_root',
      `cannot commit file: its records do not add up to the ${what} root that was sent`,
    );
  }
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot accept file log: ${why}`);
}
