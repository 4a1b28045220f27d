import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { chunkSizeFor } from '../format/content.ts';
import { formatApiPath } from '../format/path.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Entry, Upload } from '../fs/types.ts';
import type { OpenAppend, OpenUpload } from '../wire/generated/api.ts';
import type { Target } from './authorize.ts';
import { preconditionOf } from './change-context.ts';
import { requireFile } from './content.ts';
import { callerOf, type Exchange } from './exchange.ts';
import { replyJson } from './reply.ts';
import { digestOf } from './request-values.ts';

/** The entry at a target, undefined if there is none. */
export function findEntry(fs: FileSystem, { volume, path }: Target): Entry | undefined {
  try {
    return fs.stat(volume.name, path);
  } catch (error) {
    if (isGdpfsError(error, 'not_found')) return undefined;
    throw error;
  }
}

/**
 * Refuses early what the commit would refuse after all bytes were sent. Throws `is_a_directory`,
 * `exists`, `changed`.
 */
export function checkTarget(exchange: Exchange, target: Target): Entry | undefined {
  const entry = findEntry(exchange.services.fs, target);
  const { precondition } = preconditionOf(exchange);
  const state = `cannot write "${target.path}": `;
  if (entry?.kind === 'directory') {
    throw new GdpfsError('is_a_directory', `${state}a directory, need a file or nothing`);
  }
  if (precondition?.absent === true && entry !== undefined) {
    throw new GdpfsError('exists', `${state}it exists, need nothing there`);
  }
  const { content } = precondition ?? {};
  if (content === undefined) return entry;
  if (entry?.file === undefined || !bytesEqual(entry.file.content, content)) {
    throw new GdpfsError('changed', `${state}its content is not the one that If-Match names`);
  }
  return entry;
}

/** POST /api/v1/files {kind: "upload"} */
export function openUpload(exchange: Exchange, target: Target, body: OpenUpload): void {
  const { fs } = exchange.services;
  const existing = checkTarget(exchange, target);
  const inherited = existing?.file?.chunkSize;
  const chunkSize = body.chunkSize ?? inherited ?? chunkSizeFor(body.size);
  replyUpload(
    exchange,
    target,
    fs.openUpload(uploadOf(exchange, target, { size: body.size, chunkSize })),
  );
}

/** POST /api/v1/files {kind: "append"} */
export function openAppend(exchange: Exchange, target: Target, body: OpenAppend): void {
  const { fs } = exchange.services;
  const entry = requireFile(fs.stat(target.volume.name, target.path));
  const base = digestOf(body.content);
  if (!bytesEqual(entry.file.content, base)) {
    throw new GdpfsError(
      'changed',
      `cannot append to "${target.path}": its content is not the one that the append continues`,
    );
  }
  if (body.size < entry.size) {
    throw new GdpfsError(
      'bad_request',
      `cannot append to "${target.path}": ${body.size} bytes after it, need at least its ${entry.size}`,
    );
  }
  const { chunkSize } = entry.file;
  const upload = fs.openUpload({
    ...uploadOf(exchange, target, { size: body.size, chunkSize }),
    base,
  });
  replyUpload(exchange, target, upload);
}

function uploadOf(
  exchange: Exchange,
  { volume, path }: Target,
  { size, chunkSize }: { readonly size: number; readonly chunkSize: number },
): Omit<Upload, 'id' | 'createdMs'> {
  // Two of the records are the meta record and, where the file ends in a hole, its end.
  if (Math.ceil(size / chunkSize) + 2 > LIMITS.fileRecordsMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot open upload: ${size} bytes are too many chunks of ${chunkSize}, need at most ${LIMITS.fileRecordsMax - 2}`,
    );
  }
  return { principal: callerOf(exchange).principal, volume: volume.name, path, size, chunkSize };
}

function replyUpload(exchange: Exchange, { volume }: Target, upload: Upload): void {
  const { id, path, size, chunkSize } = upload;
  const created = true;
  replyJson(
    exchange,
    { status: created ? 201 : 200 },
    {
      upload: id,
      path: formatApiPath({ volume: volume.alias, path }),
      size,
      chunkSize,
      empty: false,
    },
  );
}
