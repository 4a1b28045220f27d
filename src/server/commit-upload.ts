import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeRecords } from '../format/commit.ts';
import { decodeFchunk } from '../format/records.ts';
import type { Change, ChangeResult, FileContent, Upload } from '../fs/types.ts';
import type { FilesPatchQuery } from '../wire/generated/api.ts';
import { authorizePath, authorizeUpload } from './authorize.ts';
import { withBody } from './body.ts';
import { commitChange, requireSigning } from './commit-change.ts';
import { changeContext, preconditionOf } from './change-context.ts';
import type { Exchange } from './exchange.ts';
import { replyJson } from './reply.ts';
import { uploader } from './uploads.ts';
import { attributesOf, digestOf } from './request-values.ts';

/** PATCH /api/v1/files with records: the upload becomes the file, or its continuation. */
export async function commitUpload(exchange: Exchange<'filesPatch'>): Promise<void> {
  const { query } = exchange;
  const { fs } = exchange.services;
  const target = authorizePath(exchange, query.path, { need: 'write' });
  requireSigning(exchange, target);
  const { id, root, content, size } = requireCommitParameters(query);
  const answer = (answered: Exchange, result: ChangeResult): void => {
    answered.trail.seq = result.seq;
    replyJson(answered, { status: 200 }, result);
  };
  await withBody(exchange, async (body) => {
    const context = changeContext(exchange, target, body);
    // Before the upload is looked for: the first request may have closed it.
    const repeated = fs.firstResult(context);
    if (repeated !== undefined) return answer(exchange, repeated);
    const { upload, volume } = authorizeUpload(exchange, id);
    if (volume.alias !== target.volume.alias || upload.path !== target.path) {
      throw badCommit(`upload "${id}" is for another path`);
    }
    if (upload.size !== undefined && size !== upload.size)
      throw badCommit(`size ${size}, need the upload's ${upload.size}`);
    if (root === undefined && upload.base === undefined)
      throw badCommit('need the parameter "root"');
    const claimant = await uploader(exchange, target);
    const rooted = root === undefined ? {} : { root };
    const file = { records: readRecords(body, size), ...rooted, content, claimant };
    await commitChange(exchange, {
      target,
      context: { ...context, isReserved: upload.size !== undefined },
      change: changeOf(exchange, upload, file),
      answer: async (answered, result) => {
        await fs.closeUpload(upload);
        answer(answered, result);
      },
    });
  });
}

function changeOf(exchange: Exchange<'filesPatch'>, upload: Upload, file: FileContent): Change {
  const { query } = exchange;
  const { path, base } = upload;
  const attributes = attributesOf(query);
  if (base !== undefined) {
    return { kind: 'extend', path, file, precondition: { content: base }, ...attributes };
  }
  const parents = query.parents === undefined ? {} : { parents: query.parents };
  return { kind: 'put', path, file, ...parents, ...preconditionOf(exchange), ...attributes };
}

function requireCommitParameters(query: FilesPatchQuery): {
  readonly id: string;
  readonly root: Uint8Array | undefined;
  readonly content: Uint8Array;
  readonly size: number;
} {
  const { upload, root, content, size } = query;
  if (upload === undefined || content === undefined || size === undefined) {
    throw badCommit('need the parameters "upload", "size" and "content"');
  }
  const digest = root === undefined ? undefined : digestOf(root);
  return { id: upload, root: digest, content: digestOf(content), size };
}

/** The file's size is where its last fchunk ends (DESIGN §3). */
function readRecords(body: Uint8Array, size: number): Uint8Array[] {
  try {
    const records = decodeRecords(body, LIMITS.fileRecordsMax);
    const last = records.at(-1);
    const chunk = last === undefined || size === 0 ? undefined : decodeFchunk(last);
    if (chunk !== undefined && chunk.offset + chunk.length !== size) {
      throw badCommit(`its records end at ${chunk.offset + chunk.length}, need ${size}`);
    }
    return records;
  } catch (error) {
    // What is corrupt in a store is a bad request here.
    if (isGdpfsError(error, 'corrupt')) throw new GdpfsError('bad_request', error.message);
    throw error;
  }
}

function badCommit(fault: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot commit upload: ${fault}`);
}
