import { parseDigest } from '../../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { type CallOptions, stat } from '../files.ts';
import type { LocalAttributes } from '../local-attributes.ts';
import type { Session } from '../session.ts';
import { commitUpload, type OpenedUpload, type UploadTarget } from '../uploads.ts';
import type { FileLog } from './file-commit.ts';
import { userPath } from '../../format/path.ts';

/** What becomes of an upload. */
export interface CommitOptions extends CallOptions, LocalAttributes {
  /** `/<volume>/<path>` of the file to create or replace. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly upload: OpenedUpload;
  readonly log: FileLog;
  /** Make missing parent directories. */
  readonly parents?: boolean | undefined;
  /** Throw `exists` if there is something at `path`. */
  readonly ifAbsent?: boolean | undefined;
  /** What is to be replaced; what was at the path when the upload was opened if absent. */
  readonly replaces?: UploadTarget | undefined;
}

/** How often a commit may answer that chunks are missing which were just sent or said to be there. */
const MISSING_ROUNDS_MAX = 3;
const NOTHING: UploadTarget = { exists: false };

/**
 * Makes the file, and compares what the volume says of it. `sendMissing` brings the chunks that turn
 * out to be missing: the digests that the server named, and what else is. Returns the commit's seq.
 * If somebody else has made exactly that file meanwhile, that is as good; throws `changed` if they
 * made another one.
 */
export async function commitConfirmed(
  session: Session,
  options: CommitOptions,
  sendMissing: (named: ReadonlySet<string>) => Promise<void>,
): Promise<number> {
  for (let round = 0; ; round += 1) {
    try {
      const seq = await commit(session, options);
      await compare(session, options, seq);
      return seq;
    } catch (error) {
      if (isGdpfsError(error, 'changed', 'exists')) return await findSame(session, options, error);
      if (!isGdpfsError(error, 'chunk_missing') || round === MISSING_ROUNDS_MAX) throw error;
      await sendMissing(missingOf(error));
    }
  }
}

async function commit(session: Session, options: CommitOptions): Promise<number> {
  const { path, size, mode, mtimeUs, upload, log, parents, ifAbsent, signal } = options;
  const { root, content, records } = log;
  const query = { path, upload: upload.id, size, mode, mtimeUs, root, content, parents };
  const replaces = ifAbsent === true ? NOTHING : (options.replaces ?? upload.target);
  const { seq } = await commitUpload(session, { query, records, replaces, signal });
  return seq;
}

/** The seq of the file that somebody else has made, if it is the same. */
async function findSame(
  session: Session,
  { path, log, ifAbsent, signal }: CommitOptions,
  cause: GdpfsError,
): Promise<number> {
  try {
    const entry = await stat(session, path, { signal });
    if (entry.etag === log.content) return entry.seq;
  } catch (error) {
    if (!isGdpfsError(error, 'not_found', 'not_a_directory')) throw error;
  }
  if (ifAbsent === true) throw cause;
  const state = 'somebody else has changed it since the upload began';
  throw new GdpfsError('changed', `cannot write "${userPath(path)}": ${state}`, {
    cause,
    hint: 'look at what is there now; the same command again would replace it',
  });
}

/** What the volume says at the commit's own seq cannot have been changed by others since. */
async function compare(
  session: Session,
  { path, size, log, signal }: CommitOptions,
  seq: number,
): Promise<void> {
  const entry = await stat(session, path, { at: String(seq), signal });
  if (entry.etag === log.content && entry.size === size) return;
  throw new GdpfsError(
    'corrupt',
    `cannot confirm "${userPath(path)}": the server has ${entry.size} bytes of ${entry.etag}, need ${size} of ${log.content}`,
  );
}

/** Digests that a `chunk_missing` names. */
function missingOf(error: GdpfsError): Set<string> {
  const { missing } = error.details;
  const digests = Array.isArray(missing) ? missing.filter((text) => typeof text === 'string') : [];
  return new Set(digests.filter((text) => parseDigest(text) !== undefined));
}
