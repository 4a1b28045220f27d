import { open } from 'node:fs/promises';
import { sharedBytes } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { Md5Stream } from '../base/md5.ts';
import { systemCode } from '../base/system-error.ts';
import type { FileMd5 } from '../wire/generated/api.ts';
import { decodeProblem } from '../wire/problem.ts';
import type { CallOptions, StatOptions } from './files.ts';
import { localError, quote } from './local-error.ts';
import { type MaybeUndefined, jsonOf, type Session } from './session.ts';
import { isSame } from './source-state.ts';
import type { TransferOptions } from './transfer-options.ts';
import { userPath } from '../format/path.ts';

const ROUTE = '/api/v1/file/md5';

export interface FileMd5Options extends StatOptions {
  /** ETag that the file must have, else `changed`. */
  readonly ifMatch?: string | undefined;
}

/**
 * The MD5 of a file in a volume, which the server makes of its verified content: takes as long as
 * reading it there. Throws what the server answers.
 */
export async function fileMd5(
  session: Session,
  path: string,
  { at, ifMatch, signal }: FileMd5Options = {},
): Promise<FileMd5> {
  const query: MaybeUndefined<{ path: string; at: string }> = { path, at };
  const answer = await session.request({ method: 'GET', route: ROUTE, query, ifMatch, signal });
  const result = jsonOf<Partial<FileMd5>>(answer);
  const { md5, size, etag } = result;
  // What fails late comes after the head said 200.
  if (md5 === undefined || size === undefined || etag === undefined) {
    throw decodeProblem(200, answer.body);
  }
  return { md5, size, etag };
}

/**
 * The MD5 of a local file, in hexadecimal digits. Throws `source_changed` if it is written to
 * meanwhile.
 */
async function localMd5(path: string, { signal }: CallOptions): Promise<string> {
  try {
    await using handle = await open(path);
    const before = await handle.stat({ bigint: true });
    const size = Number(before.size);
    await using sum = new Md5Stream();
    const bytes = sharedBytes(Math.min(LIMITS.bodyBytesTarget, size));
    for (let offset = 0; offset < size; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
      if (bytesRead === 0) throw changedMeanwhile(path);
      await sum.update(bytes.subarray(0, bytesRead));
      offset += bytesRead;
    }
    if (!isSame(before, await handle.stat({ bigint: true }))) throw changedMeanwhile(path);
    return await sum.digest();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw localError('read', path, error);
  }
}

function changedMeanwhile(path: string): GdpfsError {
  return new GdpfsError('source_changed', `cannot confirm ${quote(path)}: it changed meanwhile`);
}

/** A file of which one copy is here and one in a volume. */
export interface TwoCopies extends CallOptions {
  readonly local: string;
  /** `/<volume>/<path>`. */
  readonly path: string;
  /** The version in the volume: a seq, and the ETag that it must have. */
  readonly at?: string | undefined;
  readonly etag: string;
}

/**
 * With `md5`, compares the MD5 of both ends (DESIGN §5) and resolves to it. Throws `corrupt` if
 * they differ, `changed` or `source_changed` if one of them is no longer what was copied.
 */
export async function compareMd5(
  session: Session,
  { md5 }: TransferOptions,
  { local, path, at, etag, signal }: TwoCopies,
): Promise<string | undefined> {
  if (md5 !== true) return undefined;
  const [here, there] = await Promise.all([
    localMd5(local, { signal }),
    fileMd5(session, path, { at, ifMatch: etag, signal }),
  ]);
  if (here === there.md5) return here;
  throw new GdpfsError(
    'corrupt',
    `cannot confirm ${quote(local)}: its MD5 is ${here}, that of "${userPath(path)}" is ${there.md5}`,
  );
}
