import { EMPTY_BYTES } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import type { Entry, ListPage, Moment } from '../fs/types.ts';
import { encodeCursor, HEADERS } from '../wire/headers.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { TarEntry, TarFile } from '../wire/tar.ts';
import { encodeTar } from '../wire/tar-writer.ts';
import { streamTar, type TarStreamEntry } from '../wire/tar-stream.ts';
import { authorizePath, type Target } from './authorize.ts';
import {
  type FileEntry,
  readContent,
  readVerifiedChunk,
  requireDirectory,
  requireFile,
} from './content.ts';
import type { Exchange } from './exchange.ts';
import { replyTaken, withAnswerRoom, writePiece } from './reply.ts';
import { momentOf } from './request-values.ts';

/** A page is in memory twice: the files, and the tar made of them. */
export const TAR_COPIES = 2;

const EMPTY_DIGEST = sha256(EMPTY_BYTES);

/** GET /api/v1/storage/files with format=tar: one page, or everything below the directory. */
export async function replyTar(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { query, request, services } = exchange;
  const { at } = momentOf(query.at);
  const target = authorizePath(exchange, query.path, { need: 'see', at });
  requireDirectory(services.fs.stat(target.volume.name, target.path, at));
  if (request.headers.range !== undefined || request.headers['if-match'] !== undefined) {
    throw new GdpfsError('bad_request', 'cannot use Range or If-Match with a tar stream');
  }
  if (request.method === 'HEAD') {
    return void exchange.response.writeHead(200, { 'Content-Type': MEDIA_TYPES.tar }).end();
  }
  if (query.limit === undefined) return await replyStream(exchange, target);
  if (query.maxFileSize === undefined || query.maxFileSize > LIMITS.tarBytesMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot read query: "limit" needs a "maxFileSize" of at most ${LIMITS.tarBytesMax}`,
    );
  }
  await replyPage(exchange, target);
}

async function replyPage(exchange: Exchange<'storageFilesGet'>, target: Target): Promise<void> {
  const { after, at, limit, maxFileSize } = exchange.query;
  const page = listBelow(exchange, target, {
    limit: limit ?? LIMITS.tarFilesMax,
    ...(after === undefined ? {} : { after }),
    ...momentOf(at),
  });
  const taken: Entry[] = [];
  let bytes = 0;
  let cursor = page.next;
  let previous = after;
  for (const entry of page.entries) {
    const isLeftOut = entry.size > (maxFileSize ?? 0);
    if (!isLeftOut && bytes + entry.size > LIMITS.tarBytesMax) {
      cursor = previous;
      break;
    }
    previous = relativePath(target, entry);
    if (isLeftOut) continue;
    taken.push(entry);
    bytes += entry.size;
  }
  const headers = {
    'Content-Type': MEDIA_TYPES.tar,
    ...(cursor === undefined ? {} : { [HEADERS.cursor]: encodeCursor(cursor) }),
  };
  await withAnswerRoom(exchange, TAR_COPIES * bytes, async () => {
    const entries = await loadPage(exchange, target, taken);
    await replyTaken(exchange, { status: 200, headers }, encodeTar(entries));
  });
}

async function replyStream(exchange: Exchange<'storageFilesGet'>, target: Target): Promise<void> {
  const { response } = exchange;
  const head = { 'Content-Type': MEDIA_TYPES.tar, 'Cache-Control': 'no-store' };
  for await (const piece of streamTar(allEntries(exchange, target))) {
    if (!response.headersSent) response.writeHead(200, head).flushHeaders();
    await writePiece(response, piece);
  }
  response.end();
}

/** Everything below the directory, as it was when the stream began. */
async function* allEntries(
  exchange: Exchange<'storageFilesGet'>,
  target: Target,
): AsyncGenerator<TarStreamEntry> {
  const { after, at, maxFileSize = Number.MAX_SAFE_INTEGER } = exchange.query;
  let moment: Moment | undefined = momentOf(at).at;
  let next: string | undefined = after;
  do {
    const page = listBelow(exchange, target, {
      limit: LIMITS.listPageDefault,
      ...(next === undefined ? {} : { after: next }),
      ...(moment === undefined ? {} : { at: moment }),
    });
    for (const entry of page.entries) {
      if (entry.size > maxFileSize) continue;
      if (entry.size <= LIMITS.smallFileBytesMax) yield await loadEntry(exchange, target, entry);
      else yield await openEntry(exchange, target, requireFile(entry));
    }
    moment ??= { kind: 'seq', seq: page.seq };
    next = page.next;
  } while (next !== undefined);
}

function listBelow(
  exchange: Exchange<'storageFilesGet'>,
  { volume, path, rights }: Target,
  options: { readonly limit: number; readonly after?: string; readonly at?: Moment },
): ListPage {
  return exchange.services.fs.list(volume.name, path, { recursive: true, rights, ...options });
}

/** Of what is below the target. */
export function relativePath(target: Target, entry: Entry): string {
  return target.path === '' ? entry.path : entry.path.slice(target.path.length + 1);
}

/**
 * The entries of a page with their content. Their chunks are read together, and only their CRC-32 is
 * checked: who asks for pages has the files' ETags from a listing, and compares.
 */
export async function loadPage(
  exchange: Pick<Exchange, 'services'>,
  target: Target,
  taken: readonly Entry[],
): Promise<TarEntry[]> {
  const { fs } = exchange.services;
  const { name } = target.volume;
  const manifests = new Map<Entry, readonly Chunk[]>();
  const files = taken.filter(({ kind, size }) => kind === 'file' && size > 0);
  for (const [index, manifest] of (await fs.manifests(name, files)).entries()) {
    const file = files[index];
    if (file !== undefined) manifests.set(file, manifest.slice());
  }
  const data = await fs.readChunks(name, [...manifests.values()].flat());
  let next = 0;
  return taken.map((entry) => {
    const chunks = manifests.get(entry) ?? [];
    const pieces = data.slice(next, next + chunks.length);
    next += chunks.length;
    return tarEntry(target, entry, fileContent(entry.size, chunks, pieces));
  });
}

/** An entry with its content in memory, verified. */
async function loadEntry(
  exchange: Exchange<'storageFilesGet'>,
  target: Target,
  entry: Entry,
): Promise<TarEntry> {
  const { fs } = exchange.services;
  const { volume } = target;
  const isEmpty = entry.kind !== 'file' || entry.size === 0;
  const chunks = isEmpty ? [] : (await fs.manifest(volume.name, entry)).slice();
  const read = (chunk: Chunk): Promise<Uint8Array> => readVerifiedChunk(fs, volume, chunk);
  const pieces = await Promise.all(chunks.map(read));
  return tarEntry(target, entry, fileContent(entry.size, chunks, pieces));
}

type FileContent = Pick<TarFile, 'data' | 'digest' | 'manifest'>;

function tarEntry(target: Target, entry: Entry, content: FileContent): TarEntry {
  const { mode, mtimeUs, kind } = entry;
  const base = { path: relativePath(target, entry), mode, mtimeUs };
  if (kind === 'directory') return { ...base, kind };
  if (kind === 'symlink') return { ...base, kind, target: entry.target ?? '' };
  return { ...base, kind, ...content };
}

/** `pieces` are the bytes of `chunks`. */
function fileContent(
  size: number,
  chunks: readonly Chunk[],
  pieces: readonly Uint8Array[],
): FileContent {
  if (size === 0) return { data: EMPTY_BYTES, digest: EMPTY_DIGEST };
  const [first] = chunks;
  const [piece] = pieces;
  if (first?.length === size && piece !== undefined) return { data: piece, digest: first.digest };
  const data = new Uint8Array(size);
  for (const [index, chunk] of chunks.entries())
    data.set(pieces[index] ?? EMPTY_BYTES, chunk.offset);
  return { data, manifest: chunks };
}

/** A large file: its content is read while it is sent. */
async function openEntry(
  { services: { fs } }: Exchange<'storageFilesGet'>,
  target: Target,
  entry: FileEntry,
): Promise<TarStreamEntry> {
  const { volume } = target;
  const { mode, mtimeUs, size } = entry;
  const chunks = await fs.manifest(volume.name, entry);
  const read = (chunk: Chunk): Promise<Uint8Array> => readVerifiedChunk(fs, volume, chunk);
  const content = readContent(chunks, { offset: 0, length: size }, read);
  return { kind: 'file', path: relativePath(target, entry), mode, mtimeUs, size, content };
}
