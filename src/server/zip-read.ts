import { setImmediate as nextTurn } from 'node:timers/promises';
import { concatBytes } from '../base/bytes.ts';
import { crc32Combine } from '../base/crc-combine.ts';
import type { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk, ChunkSequence } from '../format/manifest.ts';
import type { Rights } from '../fs/rights.ts';
import type { BriefEntry, Entry, Moment, VolumeInfo } from '../fs/types.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { zipCentralHeader, zipEnd, type ZipHead, zipLocalHeader } from '../wire/zip.ts';
import { readContent, readVerifiedChunk, requireFile } from './content.ts';
import type { Exchange } from './exchange.ts';
import { writePiece } from './reply.ts';
import { attachment } from './share-page.ts';
import { PathError } from '../fs/path-error.ts';

/** A directory to be sent as one archive. */
export interface ZipSource {
  readonly volume: VolumeInfo;
  /** Inside the volume, a directory. */
  readonly path: string;
  /** Whose eyes see it; all is seen if absent. */
  readonly rights?: Rights;
  readonly at?: Moment | undefined;
  /** Of the archive, without its suffix. */
  readonly name: string;
}

/**
 * Everything below a directory but links, as it is when the answer begins, as a zip archive of known length:
 * for people who have only a browser. In memory are a chunk and what the archive's own directory says of
 * the names so far, which is bounded. Throws `busy`, and `body_too_large` for too many names.
 */
export async function replyZip(
  exchange: Exchange,
  source: ZipSource,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { request, response, services } = exchange;
  using _slot = services.zipSlots.take(exchange.caller?.principal);
  const { at, length } = await measure(exchange, source);
  const head = {
    'Content-Type': MEDIA_TYPES.zip,
    'Content-Length': length,
    'Cache-Control': 'no-store',
    ...more,
    'Content-Disposition': attachment(`${source.name}.zip`),
  };
  if (request.method === 'HEAD') return void response.writeHead(200, head).end();
  response.writeHead(200, head).flushHeaders();
  using room = services.answerRoom.forPieces(exchange.caller?.principal ?? '');
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const entry of entriesBelow(exchange, { ...source, at })) {
    const file = entry.kind === 'file' ? requireFile(entry) : undefined;
    const chunks = file && (await services.fs.manifest(source.volume.name, file));
    const zipHead = headOf({ ...entry, relative: relativeTo(source, entry) }, chunks);
    const local = zipLocalHeader(zipHead);
    directory.push(zipCentralHeader(zipHead, offset));
    await writePiece(response, local);
    offset += local.length + zipHead.size;
    if (chunks === undefined) continue;
    const read = (chunk: Chunk): Promise<Uint8Array> =>
      readVerifiedChunk(services.fs, source.volume, chunk);
    const whole = { offset: 0, length: entry.size };
    for await (const piece of readContent(chunks, whole, read, room)) {
      await writePiece(response, piece);
    }
  }
  const central = concatBytes(directory);
  await writePiece(response, central);
  response.end(zipEnd({ count: directory.length, offset, length: central.length }));
}

/** How long the archive will be, and of which moment. */
async function measure(
  { services: { fs } }: Exchange,
  { volume, path, rights, at: asked }: ZipSource,
): Promise<{ readonly at: Moment; readonly length: number }> {
  let at = asked;
  let after: string | undefined;
  let [count, offset, length] = [0, 0, 0];
  do {
    const page = fs.listBrief(volume.name, path, {
      recursive: true,
      limit: LIMITS.listPageDefault,
      ...(rights && { rights }),
      ...(at && { at }),
      ...(after === undefined ? {} : { after }),
    });
    for (const entry of page.entries) {
      if (entry.kind === 'symlink') continue;
      const head = headOf(entry, undefined);
      length += zipCentralHeader(head, offset).length;
      offset += zipLocalHeader(head).length + head.size;
      count += 1;
    }
    if (length > LIMITS.zipDirectoryBytesMax) throw tooMany(path);
    at ??= { kind: 'seq', seq: page.seq };
    after = page.next;
    await nextTurn();
  } while (after !== undefined);
  return { at, length: offset + length + zipEnd({ count, offset, length }).length };
}

async function* entriesBelow(
  { services: { fs } }: Exchange,
  { volume, path, rights, at }: ZipSource,
): AsyncGenerator<Entry> {
  let after: string | undefined;
  do {
    const page = fs.list(volume.name, path, {
      recursive: true,
      limit: LIMITS.listPageDefault,
      ...(rights && { rights }),
      ...(at && { at }),
      ...(after === undefined ? {} : { after }),
    });
    // Where a link leads to nobody knows who unpacks it.
    for (const entry of page.entries) if (entry.kind !== 'symlink') yield entry;
    after = page.next;
  } while (after !== undefined);
}

function headOf(
  { relative, kind, size, mode, mtimeUs }: BriefEntry,
  chunks: ChunkSequence | undefined,
): ZipHead {
  const name = safeName(relative) + (kind === 'directory' ? '/' : '');
  const checksum = chunks === undefined ? 0 : checksumOf(chunks, size);
  return { name, size, checksum, mode: mode & PERMISSIONS, mtimeMs: Math.floor(mtimeUs / 1000) };
}

/** No set-user-id on somebody else's machine. */
const PERMISSIONS = 0o777;

/** On Windows a `\` in a name would be a way to elsewhere. Written as in a URL, like control characters. */
function safeName(relative: string): string {
  return relative.replaceAll(/[\\\p{Cc}]/gu, (sign) => {
    return `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function relativeTo({ path }: ZipSource, entry: Entry): string {
  return path === '' ? entry.path : entry.path.slice(path.length + 1);
}

/** CRC-32 of a file, from those of its chunks, which the server has checked when it got them. */
function checksumOf(chunks: ChunkSequence, size: number): number {
  let checksum = 0;
  let end = 0;
  for (const { offset, length, checksum: own } of chunks) {
    checksum = crc32Combine(withZeros(checksum, offset - end), own, length);
    end = offset + length;
  }
  return withZeros(checksum, size - end);
}

/** CRC-32 of bytes and so many zeros behind them. */
function withZeros(checksum: number, length: number): number {
  return length === 0 ? checksum : crc32Combine(checksum, zerosChecksum(length), length);
}

const ZERO_BYTE_CHECKSUM = 0xd202ef8d;

function zerosChecksum(length: number): number {
  if (length === 1) return ZERO_BYTE_CHECKSUM;
  const half = Math.floor(length / 2);
  const first = zerosChecksum(half);
  const both = crc32Combine(first, first, half);
  return length % 2 === 0 ? both : crc32Combine(both, ZERO_BYTE_CHECKSUM, 1);
}

function tooMany(path: string): GdpfsError {
  return new PathError(
    'body_too_large',
    (name) =>
      `cannot make a zip archive of ${name(path)}: too many names, need a directory of it that is smaller`,
    { hint: 'the gdpfs command line copies it whole' },
  );
}
