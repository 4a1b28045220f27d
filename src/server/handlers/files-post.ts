import { chunkSizeFor } from '../../format/content.ts';
import { EMPTY_BYTES } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import type { Change, FileContent } from '../../fs/types.ts';
import type {
  CreateDirectory,
  CreateFile,
  CreateRequest,
  CreateSymlink,
} from '../../wire/generated/api.ts';
import { entryJson } from '../../wire/entry-json.ts';
import { authorizePath } from '../authorize.ts';
import { readJson } from '../body.ts';
import { commitChange, requireSigning } from '../commit-change.ts';
import { changeContext, preconditionOf } from '../change-context.ts';
import type { Exchange } from '../exchange.ts';
import { replyJson } from '../reply.ts';
import { newFileLog } from '../file-log.ts';
import { attributesOf } from '../request-values.ts';
import { openAppend, openUpload } from '../uploads.ts';

/** POST /api/v1/files: a directory, an empty or sparse file, a link; or opens an upload. */
export async function filesPost(exchange: Exchange<'filesPost'>): Promise<void> {
  const { value: body, bytes } = await readJson<CreateRequest>(exchange);
  const target = authorizePath(exchange, body.path, { need: 'write' });
  requireSigning(exchange, target);
  if (body.kind === 'upload') return await openUpload(exchange, target, body);
  if (body.kind === 'append') return await openAppend(exchange, target, body);
  const { volume, path } = target;
  const { fs, clock } = exchange.services;
  const change = {
    ...creation(body, path, clock),
    ...attributesOf(body),
    ...preconditionOf(exchange),
    ...(body.parents === undefined ? {} : { parents: body.parents }),
  };
  await commitChange(exchange, {
    target,
    context: changeContext(exchange, target, bytes),
    change,
    answer: (answered, { seq }) => {
      // As of that record, so that a repeated request gets the first answer.
      const entry = fs.stat(volume.name, path, { kind: 'seq', seq });
      replyJson(answered, { status: 201 }, entryJson(volume.alias, entry));
    },
  });
}

function creation(
  body: CreateDirectory | CreateFile | CreateSymlink,
  path: string,
  clock: Clock,
): Extract<Change, { kind: 'mkdir' | 'symlink' | 'put' }> {
  switch (body.kind) {
    case 'directory':
      return { kind: 'mkdir', path };
    case 'symlink':
      return { kind: 'symlink', path, target: body.target };
    case 'file':
      return { kind: 'put', path, file: zeroFile(body.size ?? 0, clock) };
  }
}

/** The log of a file of `size` zeros, without chunks. */
function zeroFile(size: number, clock: Clock): FileContent {
  const end = { offset: size, length: 0, checksum: 0, digest: EMPTY_BYTES };
  const chunks = size === 0 ? [] : [end];
  return newFileLog({ createdMs: clock.now(), chunkSize: chunkSizeFor(size), chunks });
}
