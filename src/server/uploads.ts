import { asBuffer, base64urlEncode, bytesEqual } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { type ErrorCode, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Chunking, recordedChunkSize } from '../format/chunker.ts';
import { chunkSizeAfter, chunkSizeFor, fileBytesMax } from '../format/content.ts';
import { formatApiPath } from '../format/path.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Claimant, Entry, Upload } from '../fs/types.ts';
import type { OpenAppend, OpenUpload, Upload as UploadJson } from '../wire/generated/api.ts';
import { claimantOf, type Target } from './authorize.ts';
import { preconditionOf } from './change-context.ts';
import { requireFile } from './content.ts';
import { contentChunking } from './content-chunking.ts';
import { callerOf, type Exchange } from './exchange.ts';
import { replyJson } from './reply.ts';
import { digestOf } from './request-values.ts';
import { PathError } from '../fs/path-error.ts';

/** What a file of unknown size is taken for when its chunk size is chosen: 1 GiB. */
export const UNKNOWN_SIZE_BYTES = 1024 ** 3;

/** The entry at a target, undefined if there is none. */
export function findEntry(fs: FileSystem, { volume, path }: Target): Entry | undefined {
  try {
    return fs.stat(volume.name, path);
  } catch (error) {
    if (isGdpfsError(error, 'not_found', 'not_a_directory')) return undefined;
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
  const refused = (code: ErrorCode, state: string): GdpfsError =>
    new PathError(code, (name) => `cannot write ${name(target.path)}: ${state}`);
  if (entry?.kind === 'directory') {
    throw refused('is_a_directory', 'a directory, need a file or nothing');
  }
  if (precondition?.absent === true && entry !== undefined) {
    throw refused('exists', 'it exists, need nothing there');
  }
  const { content } = precondition ?? {};
  if (content === undefined) return entry;
  if (entry?.file === undefined || !bytesEqual(entry.file.content, content)) {
    throw refused('changed', 'its content is not the one that If-Match names');
  }
  return entry;
}

/**
 * Who uploads to a target. One who may not read the whole volume may still know of the chunks of the
 * file that is there: then only what differs from it need be sent.
 */
export async function uploader(exchange: Exchange, target: Target): Promise<Claimant> {
  const { fs } = exchange.services;
  const claimant = claimantOf(target);
  const existing = claimant.readsAll ? undefined : findEntry(fs, target);
  if (existing?.kind !== 'file') return claimant;
  const chunks = await fs.manifest(target.volume.name, existing);
  if (chunks.length > LIMITS.replacedChunksMax) return claimant;
  const known = new Set<string>();
  for (const { digest } of chunks) known.add(asBuffer(digest).toString('latin1'));
  return { ...claimant, mayRead: (digest) => known.has(asBuffer(digest).toString('latin1')) };
}

/** POST /api/v1/files {kind: "upload"} */
export async function openUpload(
  exchange: Exchange,
  target: Target,
  { size, chunkSize }: OpenUpload,
): Promise<void> {
  const existing = checkTarget(exchange, target);
  if (chunkSize !== undefined && target.volume.chunking !== 'fixed') {
    const state = 'files of the volume are cut by content, need no chunk size';
    throw new GdpfsError('bad_request', `cannot open upload: ${state}`);
  }
  const chunking: Chunking =
    chunkSize === undefined
      ? await successorChunking(exchange, target, { existing, size: size ?? UNKNOWN_SIZE_BYTES })
      : { mode: 'fixed', chunkSize };
  const known = size === undefined ? {} : { size };
  await replyUpload(exchange, target, { ...known, chunking, existing });
}

/** POST /api/v1/files {kind: "append"} */
export async function openAppend(
  exchange: Exchange,
  target: Target,
  { content, size }: OpenAppend,
): Promise<void> {
  const existing = requireFile(exchange.services.fs.stat(target.volume.name, target.path));
  const base = digestOf(content);
  const refused = (code: ErrorCode, state: string): GdpfsError =>
    new PathError(code, (name) => `cannot append to ${name(target.path)}: ${state}`);
  if (!bytesEqual(existing.file.content, base)) {
    throw refused('changed', 'its content is not the one that the append continues');
  }
  if (size < existing.size) {
    const need = `need at least the ${existing.size} that it has`;
    throw refused('bad_request', `${size} bytes afterwards, ${need}`);
  }
  const chunking = await successorChunking(exchange, target, { existing, size });
  await replyUpload(exchange, target, { size, chunking, base, existing });
}

/**
 * How new content at a path is cut: by content if the volume says so, otherwise into chunks of the
 * size that the content there has, so that equal parts stay equal chunks (DESIGN §3), or of one that
 * fits.
 */
export async function successorChunking(
  exchange: Pick<Exchange, 'services'>,
  { volume }: Target,
  { existing, size }: { readonly existing: Entry | undefined; readonly size: number },
): Promise<Chunking> {
  if (volume.chunking === 'cdc') return contentChunking(exchange, volume);
  if (existing?.kind === 'file') {
    const chunks = await exchange.services.fs.manifest(volume.name, existing);
    return { mode: 'fixed', chunkSize: chunkSizeAfter(chunks, size) };
  }
  return { mode: 'fixed', chunkSize: chunkSizeFor(size) };
}

async function replyUpload(
  exchange: Exchange,
  { volume, path }: Target,
  plan: Pick<Upload, 'size' | 'base'> & {
    readonly chunking: Chunking;
    readonly existing: Entry | undefined;
  },
): Promise<void> {
  const { fs, clock } = exchange.services;
  const { chunking, existing, ...rest } = plan;
  const { size = 0 } = plan;
  const chunkSize = recordedChunkSize(chunking);
  if (size > fileBytesMax(chunkSize)) {
    const state = `${size} bytes in chunks of ${chunkSize}, need at most ${fileBytesMax(chunkSize)}`;
    throw new GdpfsError('bad_request', `cannot open upload: ${state}`);
  }
  const openedMs = clock.now();
  const { principal } = callerOf(exchange);
  const growth = Math.max(0, size - (existing?.size ?? 0));
  const options = { principal, volume: volume.name, path, chunkSize, growth, ...rest };
  const upload = await fs.openUpload(options);
  const json: UploadJson = {
    upload: upload.id,
    path: formatApiPath({ volume: volume.alias, path }),
    ...(plan.size === undefined ? {} : { size }),
    chunking:
      chunking.mode === 'cdc' ? { mode: 'cdc', key: base64urlEncode(chunking.key) } : chunking,
    empty: fs.isEmpty(volume.name),
    exists: existing !== undefined,
    ...(volume.custody === 'server' ? { unsummed: true } : {}),
    ...(existing?.file === undefined ? {} : { etag: formatDigest(existing.file.content) }),
  };
  replyJson(exchange, { status: upload.createdMs < openedMs ? 200 : 201 }, json);
}
