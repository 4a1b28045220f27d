import { bytesEqual } from '../base/bytes.ts';
import { crc32, sha256, sha256Async } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { createCutter } from '../format/chunker.ts';
import { chunkSizeFor } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { joinPath } from '../format/path.ts';
import type { Change, FileContent } from '../fs/types.ts';
import type { StoredChunk } from '../log/engine.ts';
import { decodeTar, type TarEntry, type TarFile, type TarReference } from '../wire/tar.ts';
import { authorizePath, claimantOf, type Target } from './authorize.ts';
import { withBody } from './body.ts';
import { changeContext, preconditionOf } from './change-context.ts';
import { requireDirectory } from './content.ts';
import { contentChunking } from './content-chunking.ts';
import type { Exchange } from './exchange.ts';
import { newFileLog } from './file-log.ts';
import { replyJson } from './reply.ts';

/** POST /api/v1/storage/files with tar: many files in one commit, or none. */
export async function writeTar(exchange: Exchange<'storageFilesPost'>): Promise<void> {
  const { query, services } = exchange;
  const { fs } = services;
  if (query.mode !== undefined || query.mtimeUs !== undefined) {
    throw new GdpfsError('bad_request', 'cannot read query: the tar entries have the attributes');
  }
  if (preconditionOf(exchange).precondition !== undefined) {
    throw new GdpfsError('bad_request', 'cannot use If-Match or If-None-Match with many files');
  }
  const target = authorizePath(exchange, query.path, { need: 'write' });
  const result = await withBody(exchange, async (body) => {
    const context = changeContext(exchange, target, await sha256Async(body));
    const repeated = fs.firstResult(context);
    if (repeated !== undefined) return repeated;
    if (query.parents !== true) requireDirectory(fs.stat(target.volume.name, target.path));
    const entries = decodeTar(body);
    const changes = await changesOf(exchange, target, entries);
    return await fs.apply(target.volume.name, { kind: 'many', changes }, context);
  });
  exchange.trail.seq = result.seq;
  replyJson(exchange, { status: 201 }, result);
}

async function changesOf(
  exchange: Exchange<'storageFilesPost'>,
  target: Target,
  entries: readonly TarEntry[],
): Promise<Change[]> {
  const { clock } = exchange.services;
  const files = await storeFiles(exchange, target, entries);
  const changes: Change[] = [];
  if (exchange.query.parents === true) {
    changes.push({ kind: 'mkdir', path: target.path, parents: true });
  }
  for (const entry of entries) {
    const { mode, mtimeUs } = entry;
    const common = { path: joinPath(target.path, entry.path), parents: true, mode, mtimeUs };
    if (entry.kind === 'directory') changes.push({ kind: 'mkdir', ...common });
    else if (entry.kind === 'symlink') {
      changes.push({ kind: 'symlink', ...common, target: entry.target });
    } else if (entry.kind === 'reference') {
      changes.push({ kind: 'put', ...common, file: referenceFile(exchange, target, entry) });
    } else {
      const chunks = files.get(entry) ?? [];
      const chunkSize = chunkSizeFor(entry.data.length);
      changes.push({ kind: 'put', ...common, file: newFileLog(clock, { chunkSize, chunks }) });
    }
  }
  return changes;
}

/** The file whose only chunk the volume has, if the caller may know that. */
function referenceFile(
  exchange: Exchange<'storageFilesPost'>,
  target: Target,
  { size: length, checksum, digest }: TarReference,
): FileContent {
  const chunks = [{ offset: 0, length, checksum, digest }];
  const file = newFileLog(exchange.services.clock, { chunkSize: chunkSizeFor(length), chunks });
  return { ...file, claimant: claimantOf(target) };
}

/** Stores the content of all files together; nothing names it yet. Throws `bad_chunk`. */
async function storeFiles(
  exchange: Exchange,
  { volume }: Target,
  entries: readonly TarEntry[],
): Promise<ReadonlyMap<TarEntry, readonly Chunk[]>> {
  const files = new Map<TarEntry, readonly Chunk[]>();
  const stored: StoredChunk[] = [];
  const content =
    volume.chunking === 'cdc' ? createCutter(contentChunking(exchange, volume)) : undefined;
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const { data } = entry;
    const cutter = content ?? createCutter({ mode: 'fixed', chunkSize: chunkSizeFor(data.length) });
    cutter.reset();
    const chunks: Chunk[] = [];
    for (let offset = 0; offset < data.length; ) {
      const cut = cutter.push(data, offset);
      const end = cut < 0 ? data.length : cut;
      const bytes = data.subarray(offset, end);
      const chunk = { checksum: crc32(bytes), digest: sha256(bytes) };
      stored.push({ ...chunk, data: bytes });
      chunks.push({ offset, length: bytes.length, ...chunk });
      offset = end;
    }
    checkDigest(entry, chunks);
    files.set(entry, chunks);
  }
  await exchange.services.fs.putChunks(volume.name, stored);
  return files;
}

/** Compares what the sender claims with what arrived. */
function checkDigest({ path, data, digest: claimed }: TarFile, chunks: readonly Chunk[]): void {
  if (claimed === undefined) return;
  const [first] = chunks;
  const digest = chunks.length === 1 && first !== undefined ? first.digest : sha256(data);
  if (bytesEqual(digest, claimed)) return;
  throw new GdpfsError(
    'bad_chunk',
    `cannot store "${path}": its bytes do not have the digest it came with`,
    { details: { path } },
  );
}
