import { asBuffer, bytesEqual, utf8Encode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { createCutter, type Cutter } from '../format/chunker.ts';
import { chunkSizeFor } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { joinPath } from '../format/path.ts';
import type { Change, ChangeResult, FileContent } from '../fs/types.ts';
import { decodeTar, type TarEntry, type TarFile, type TarReference } from '../wire/tar.ts';
import { authorizePath, claimantOf, type Target } from './authorize.ts';
import { withBody } from './body.ts';
import { commitChange, requireSigning } from './commit-change.ts';
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
  requireSigning(exchange, target);
  const answer = (answered: Exchange, result: ChangeResult): void => {
    answered.trail.seq = result.seq;
    replyJson(answered, { status: 201 }, result);
  };
  await withBody(exchange, async (body) => {
    const entries = decodeTar(body);
    const files = cutFiles(exchange, target, entries);
    const context = changeContext(exchange, target, identityOf(entries, files));
    const repeated = fs.firstResult(context);
    if (repeated !== undefined) return answer(exchange, repeated);
    if (query.parents !== true) requireDirectory(fs.stat(target.volume.name, target.path));
    // Nothing names them yet.
    await fs.putChunks(target.volume.name, [...files.values()].flat());
    const changes = changesOf(exchange, target, { entries, files });
    await commitChange(exchange, { target, context, change: { kind: 'many', changes }, answer });
  });
}

/** The chunks of each file that came with its content. */
type CutFiles = ReadonlyMap<TarEntry, readonly CutChunk[]>;

interface CutChunk extends Chunk {
  readonly data: Uint8Array;
}

/** Stands for the body in the identity of the request: its content is hashed, once is enough. */
function identityOf(entries: readonly TarEntry[], files: CutFiles): Uint8Array {
  const told = entries.map((entry) => {
    const { kind, path, mode, mtimeUs } = entry;
    const digests = entry.kind === 'reference' ? [entry] : (files.get(entry) ?? []);
    const content = digests.map(({ digest }) => asBuffer(digest).toString('base64'));
    const linkTarget = entry.kind === 'symlink' ? [entry.target] : [];
    return [kind, path, mode, mtimeUs, ...content, ...linkTarget];
  });
  return utf8Encode(JSON.stringify(told));
}

function changesOf(
  exchange: Exchange<'storageFilesPost'>,
  target: Target,
  { entries, files }: { readonly entries: readonly TarEntry[]; readonly files: CutFiles },
): Change[] {
  const { clock } = exchange.services;
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

/** Cuts the content of all files into chunks. Throws `bad_chunk`. */
function cutFiles(exchange: Exchange, { volume }: Target, entries: readonly TarEntry[]): CutFiles {
  const files = new Map<TarEntry, readonly CutChunk[]>();
  const byContent =
    volume.chunking === 'cdc' ? createCutter(contentChunking(exchange, volume)) : undefined;
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const { length } = entry.data;
    const cutter = byContent ?? createCutter({ mode: 'fixed', chunkSize: chunkSizeFor(length) });
    cutter.reset();
    const chunks = cutData(entry.data, cutter);
    checkDigest(entry, chunks);
    files.set(entry, chunks);
  }
  return files;
}

function cutData(data: Uint8Array, cutter: Cutter): CutChunk[] {
  const chunks: CutChunk[] = [];
  for (let offset = 0; offset < data.length; ) {
    const cut = cutter.push(data, offset);
    const end = cut < 0 ? data.length : cut;
    const bytes = data.subarray(offset, end);
    const chunk = { checksum: crc32(bytes), digest: sha256(bytes), data: bytes };
    chunks.push({ offset, length: bytes.length, ...chunk });
    offset = end;
  }
  return chunks;
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
