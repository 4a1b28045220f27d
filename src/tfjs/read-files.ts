import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { CallOptions } from '../client/files.ts';
import { readFile } from '../client/read.ts';
import type { Servers } from '../client/servers.ts';
import { chainAhead, mapAhead } from './ahead.ts';
import { RecordDecoder } from './record-frames.ts';
import type { VolumeFile } from './volume-files.ts';

/** `gdp://VOLUME/PATH`, read as it is when its turn comes, or a version that was found. */
export type FileSource = string | VolumeFile;

export interface ReadFilesOptions extends CallOptions {
  /** Files that are opened ahead of the one being used. */
  readonly filesAhead?: number;
}

/** A file with its content. */
export interface FileContent {
  readonly url: string;
  readonly bytes: Uint8Array;
}

/**
 * All that is read here was verified, and is the caller's to keep. Whoever leaves a loop early, or
 * aborts the signal, ends what is under way.
 */

/** The bytes of one file, in pieces of at most one chunk. */
export async function* readPieces(
  servers: Servers,
  source: FileSource,
  { signal }: CallOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { session, apiPath } = await servers.locateText(urlOf(source));
  const version = typeof source === 'string' ? {} : { version: source, at: source.at };
  yield* readFile(session, apiPath, { ...version, signal });
}

/**
 * The records of TFRecord files, one file behind the other. Throws `corrupt` with the file and the
 * offset for one that is damaged or cut off.
 */
export async function* readRecords(
  servers: Servers,
  sources: FileSource | readonly FileSource[],
  options: ReadFilesOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const open = (source: FileSource, signal: AbortSignal) => recordRuns(servers, source, signal);
  for await (const run of chainAhead(listOf(sources), aheadOf(options), open)) {
    for (const record of run) yield record;
  }
}

/**
 * The lines of UTF-8 text files without their ends (`\n` or `\r\n`), one file behind the other.
 * Throws `corrupt` for what is no UTF-8, `body_too_large` for a line beyond the limit.
 */
export async function* readLines(
  servers: Servers,
  sources: FileSource | readonly FileSource[],
  options: ReadFilesOptions = {},
): AsyncGenerator<string, void, void> {
  const open = (source: FileSource, signal: AbortSignal) => lineRuns(servers, source, signal);
  for await (const run of chainAhead(listOf(sources), aheadOf(options), open)) {
    for (const line of run) yield line;
  }
}

/** Whole files, such as pictures, in order. Throws `body_too_large` for one beyond the limit. */
export async function* readContents(
  servers: Servers,
  sources: FileSource | readonly FileSource[],
  { filesAhead = LIMITS.wholeFilesAhead, signal }: ReadFilesOptions = {},
): AsyncGenerator<FileContent, void, void> {
  yield* mapAhead(listOf(sources), { ahead: filesAhead, signal }, async (source, either) => ({
    url: urlOf(source),
    bytes: await readWhole(servers, source, either),
  }));
}

async function* recordRuns(
  servers: Servers,
  source: FileSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array[], void, void> {
  const decoder = new RecordDecoder(urlOf(source));
  for await (const piece of readPieces(servers, source, { signal })) yield decoder.push(piece);
  decoder.end();
}

async function* lineRuns(
  servers: Servers,
  source: FileSource,
  signal: AbortSignal,
): AsyncGenerator<string[], void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const url = urlOf(source);
  let rest = '';
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      throw new GdpfsError('corrupt', `cannot read "${url}": it is not UTF-8`, { cause });
    }
  };
  for await (const piece of readPieces(servers, source, { signal })) {
    const lines = (rest + decode(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LIMITS.textLineBytesMax) {
      const state = `a line has more than ${LIMITS.textLineBytesMax} characters`;
      throw new GdpfsError('body_too_large', `cannot read "${url}": ${state}`);
    }
    yield lines.map(withoutReturn);
  }
  rest += decode();
  if (rest !== '') yield [withoutReturn(rest)];
}

async function readWhole(
  servers: Servers,
  source: FileSource,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readPieces(servers, source, { signal })) {
    size += piece.length;
    if (size > LIMITS.wholeFileBytesMax) {
      const state = `it has more than ${LIMITS.wholeFileBytesMax} bytes`;
      throw new GdpfsError('body_too_large', `cannot read "${urlOf(source)}" whole: ${state}`, {
        hint: 'read it in pieces',
      });
    }
    pieces.push(piece);
  }
  return concatBytes(pieces);
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function urlOf(source: FileSource): string {
  return typeof source === 'string' ? source : source.url;
}

function listOf(sources: FileSource | readonly FileSource[]): readonly FileSource[] {
  return isList(sources) ? sources : [sources];
}

function isList(sources: FileSource | readonly FileSource[]): sources is readonly FileSource[] {
  return Array.isArray(sources);
}

function aheadOf({ filesAhead = LIMITS.recordFilesAhead, signal }: ReadFilesOptions) {
  return { ahead: filesAhead, signal };
}
