import { bytesEqual, EMPTY_BYTES } from '../../base/bytes.ts';
import { crc32, sha256 } from '../../base/digest.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { ContentFold, contentRoot } from '../../format/content.ts';
import type { FilePin } from '../../format/dentry.ts';
import { LogKind } from '../../format/generated/gdpfs_pb.js';
import type { Chunk, Manifest } from '../../format/manifest.ts';
import { leafHash, MerkleFrontier } from '../../format/merkle.ts';
import type { PreparedPart } from '../../format/prepared-commit.ts';
import {
  decodeFchunk,
  decodeMeta,
  encodeFchunk,
  logName,
  NONCE_BYTES,
} from '../../format/records.ts';
import type { StateEntry } from '../../format/state-entry.ts';
import type { AskedContent } from './asked-change.ts';
import { elsewise } from './record-check.ts';

/** What a dentry says of a file. */
export interface PinnedFile {
  readonly pin: FilePin;
  readonly size: number;
}

/** File logs that the server made, one behind the other, compared with the content that they are for. */
export class ContentCheck {
  readonly #parts: readonly PreparedPart[];
  readonly #metas = new FileMetas();
  #next = 0;

  constructor(parts: readonly PreparedPart[]) {
    this.#parts = parts;
  }

  /** What must be pinned for the content. `before` is the file that it goes on from. Throws `untrusted`. */
  pinned(asked: AskedContent, before: StateEntry | undefined): PinnedFile {
    try {
      if (asked.from === 'log') return sentLog(asked);
      if (asked.from === 'append') return this.#appended(asked, before);
      return this.#made(asked);
    } catch (error) {
      if (isGdpfsError(error, 'corrupt', 'bad_request')) throw elsewise(error.message);
      throw error;
    }
  }

  end(): void {
    if (this.#next < this.#parts.length) throw elsewise('it has file logs that nothing names');
  }

  /** The tree over a new log, whose first record must be one of a file and name it. */
  #namedFrontier(log: Uint8Array, records: readonly Uint8Array[]): MerkleFrontier {
    const [meta] = records;
    if (meta === undefined || !bytesEqual(logName(meta), log)) {
      throw elsewise('a file log has another name');
    }
    this.#metas.check(meta);
    const frontier = new MerkleFrontier();
    for (const record of records) frontier.append(leafHash(record));
    return frontier;
  }

  #take(): PreparedPart {
    const part = this.#parts[this.#next];
    if (part === undefined) throw elsewise('a file log is missing');
    this.#next += 1;
    return part;
  }

  /** A new log, of whose chunks each must be of the bytes that are its. */
  #made(asked: Exclude<AskedContent, { readonly from: 'log' | 'append' }>): PinnedFile {
    const { log, firstSeq, frontier: before, records } = this.#take();
    if (firstSeq !== 0 || before.length > 0) throw elsewise('a file log is not new');
    const frontier = this.#namedFrontier(log, records);
    const size = asked.from === 'data' ? asked.data.length : asked.size;
    const chunks = chunksOf(records.slice(1), asked);
    const fold = new ContentFold();
    for (const chunk of chunks) fold.apply(chunk);
    const manifest = fold.manifest();
    if (manifest.size !== size) throw elsewise(`a file has ${manifest.size} bytes, need ${size}`);
    if (asked.from === 'zeros' && manifest.chunks.length > 0) throw elsewise('a file is not empty');
    if (asked.from === 'data') checkHoles(manifest, asked.data);
    const pin = { log, logCount: records.length, root: frontier.root() };
    return { pin: { ...pin, content: contentRoot(manifest) }, size };
  }

  /** The log that the file has, with what was sent behind it; or a new one with all that it says. */
  #appended(
    asked: Extract<AskedContent, { readonly from: 'append' }>,
    before: StateEntry | undefined,
  ): PinnedFile {
    const { log, firstSeq, frontier: encoded, records } = this.#take();
    const { content, size } = asked;
    const old = before?.file;
    if (old === undefined) throw elsewise('there is no file to go on from');
    if (firstSeq === 0) {
      const frontier = this.#namedFrontier(log, records);
      const fold = new ContentFold();
      for (const record of records.slice(1)) fold.apply(decodeFchunk(record));
      const manifest = fold.manifest();
      if (!bytesEqual(contentRoot(manifest), content) || manifest.size !== size) {
        throw elsewise('a file that was to be continued has another content');
      }
      return { pin: { log, logCount: records.length, root: frontier.root(), content }, size };
    }
    const frontier = MerkleFrontier.decode(encoded);
    const isOld = bytesEqual(log, old.log) && firstSeq === old.logCount;
    if (!isOld || frontier.count !== firstSeq || !bytesEqual(frontier.root(), old.root)) {
      throw elsewise('a file does not go on from what it was');
    }
    if (!sameRecords(records, asked.records)) throw elsewise('a file goes on with something else');
    for (const record of records) frontier.append(leafHash(record));
    return { pin: { log, logCount: frontier.count, root: frontier.root(), content }, size };
  }
}

/** The client has computed all of it. */
function sentLog({
  records,
  root,
  content,
  size,
}: Extract<AskedContent, { readonly from: 'log' }>): PinnedFile {
  const [meta] = records;
  if (meta === undefined) throw elsewise('a file log is empty');
  return { pin: { log: logName(meta), logCount: records.length, root, content }, size };
}

/** First records of file logs: those that were made together differ in nothing but their nonces. */
class FileMetas {
  #last: { readonly record: Uint8Array; readonly nonceAt: number } | undefined;

  /** Throws `corrupt` unless it is the first record of a file log. */
  check(record: Uint8Array): void {
    if (this.#isLikeLast(record)) return;
    const { nonce } = decodeMeta(record, LogKind.FILE);
    // Decoded bytes are a view of the record.
    const nonceAt = nonce.byteOffset - record.byteOffset;
    this.#last = nonce.buffer === record.buffer ? { record, nonceAt } : undefined;
  }

  #isLikeLast(record: Uint8Array): boolean {
    if (this.#last === undefined || record.length !== this.#last.record.length) return false;
    const { record: last, nonceAt } = this.#last;
    const behind = nonceAt + NONCE_BYTES;
    return (
      bytesEqual(record.subarray(0, nonceAt), last.subarray(0, nonceAt)) &&
      bytesEqual(record.subarray(behind), last.subarray(behind))
    );
  }
}

function chunksOf(
  fchunks: readonly Uint8Array[],
  asked: Exclude<AskedContent, { readonly from: 'log' | 'append' }>,
): Chunk[] {
  const [first] = fchunks;
  const expected = wholeChunk(asked);
  // Most files are one chunk, and what its record must be is known.
  if (expected !== undefined && first !== undefined && fchunks.length === 1) {
    if (bytesEqual(encodeFchunk(expected), first)) return [expected];
  }
  if (asked.from === 'chunk') throw elsewise('a file is not the chunk that it was to be');
  const chunks = fchunks.map(decodeFchunk);
  if (asked.from === 'data') for (const chunk of chunks) checkChunk(chunk, asked.data);
  return chunks;
}

/** The chunk that a file is, if it is one. */
function wholeChunk(
  asked: Exclude<AskedContent, { readonly from: 'log' | 'append' }>,
): Chunk | undefined {
  if (asked.from === 'chunk') {
    const { size, checksum, digest } = asked;
    return { offset: 0, length: size, checksum, digest };
  }
  if (asked.from === 'zeros' || asked.data.length === 0) return undefined;
  const { data, digest = sha256(data) } = asked;
  return { offset: 0, length: data.length, checksum: crc32(data), digest };
}

function checkChunk({ offset, length, checksum, digest }: Chunk, data: Uint8Array): void {
  const bytes = data.subarray(offset, offset + length);
  const isOf = length === 0 ? bytesEqual(digest, EMPTY_BYTES) : bytesEqual(sha256(bytes), digest);
  if (bytes.length === length && isOf && (length === 0 || crc32(bytes) === checksum)) return;
  throw elsewise(`a chunk at ${offset} is not of the bytes that were sent`);
}

/** What no chunk covers reads as zeros, so it must be zeros. */
function checkHoles({ chunks }: Manifest, data: Uint8Array): void {
  let end = 0;
  const check = (next: number): void => {
    if (data.subarray(end, next).some((byte) => byte !== 0)) {
      throw elsewise(`the bytes at ${end} are left out`);
    }
  };
  for (const { offset, length } of chunks) {
    check(offset);
    end = offset + length;
  }
  check(data.length);
}

function sameRecords(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return (
    left.length === right.length &&
    left.every((record, index) => bytesEqual(record, right[index] ?? EMPTY_BYTES))
  );
}
