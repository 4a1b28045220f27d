import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesEqual, concatBytes, hexEncode } from '../../base/bytes.ts';
import { crc32, DIGEST_BYTES } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { ByteReader } from '../../format/byte-reader.ts';
import { ByteWriter } from '../../format/byte-writer.ts';
import { makePrivateDirectory } from '../../wire/private-file.ts';
import { extentsOf, type KnownExtent, type KnownRun, runsOf } from './known-run.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const JOURNAL_MODE = 0o600;
export const JOURNAL_SUFFIX = '.journal';
/** crc-32, offset as uint64, length and checksum as uint32, digest: docs/client-config.md. */
const RECORD_BYTES = 20 + DIGEST_BYTES;
/** The digest of a hole: no chunk has it. */
const HOLE = new Uint8Array(DIGEST_BYTES);
/** A journal of the largest file, several times over. */
const JOURNAL_BYTES_MAX = LIMITS.uploadJournalsBytesMax / 2;
/** Bytes of the binding in a journal's name. */
const NAME_BYTES = 16;

/**
 * What is known of the chunks of one file that is being uploaded, so that a second run need not read
 * and hash it. Records of several processes that upload the same file may follow each other: all of
 * them are true. Any damage, and any failure to write, only means that more is hashed: nothing here
 * throws.
 */
export class UploadJournal {
  readonly #directory: string;
  readonly #binding: Uint8Array;
  readonly #size: number;
  #found: KnownRun[] = [];
  /** Can the file be appended to? Behind a torn record nothing would be found again. */
  #isWhole = false;
  #handle: FileHandle | undefined;
  #isBroken = false;
  /** The record that is being written: they are written one by one. */
  #last: Promise<void> = Promise.resolve();

  /** `binding`, 32 bytes, says which file, cut in which way; with another one the journal is worthless. */
  constructor(directory: string, binding: Uint8Array, size: number) {
    this.#directory = directory;
    this.#binding = binding;
    this.#size = size;
  }

  async read(): Promise<readonly KnownRun[]> {
    const bytes = await readJournal(this.#path);
    const { length } = this.#binding;
    if (bytes === undefined || !bytesEqual(bytes.subarray(0, length), this.#binding)) return [];
    const records = bytes.subarray(length);
    const extents = this.#decode(records);
    this.#isWhole = extents.length * RECORD_BYTES === records.length;
    this.#found = runsOf(extents, this.#size);
    return this.#found;
  }

  /** The run was read and hashed. Calls may overlap. */
  async add(run: KnownRun): Promise<void> {
    this.#last = this.#last.then(() => this.#add(run));
    await this.#last;
  }

  async #add(run: KnownRun): Promise<void> {
    if (this.#isBroken || run.end === run.start) return;
    try {
      this.#handle ??= await this.#open();
      await this.#handle.appendFile(this.#encode(run));
    } catch {
      this.#isBroken = true;
    }
  }

  /** Forgets all that it says. */
  async remove(): Promise<void> {
    await this.close();
    this.#found = [];
    this.#isWhole = false;
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#handle?.close().catch(() => {});
    this.#handle = undefined;
  }

  get #path(): string {
    const name = hexEncode(this.#binding.subarray(0, NAME_BYTES));
    return join(this.#directory, `${name}${JOURNAL_SUFFIX}`);
  }

  async #open(): Promise<FileHandle> {
    const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
    if (this.#isWhole) return await open(this.#path, flags);
    await makePrivateDirectory(this.#directory);
    await rm(this.#path, { force: true });
    const handle = await open(this.#path, flags | O_CREAT | O_EXCL, JOURNAL_MODE);
    const found = this.#found.map((run) => this.#encode(run));
    await handle.appendFile(concatBytes([this.#binding, ...found]));
    this.#isWhole = true;
    return handle;
  }

  #encode(run: KnownRun): Uint8Array {
    const extents = extentsOf(run).flatMap(splitHole);
    const writer = new ByteWriter(extents.length * RECORD_BYTES);
    for (const { offset, length, chunk } of extents) {
      const body = new ByteWriter(RECORD_BYTES)
        .uint64(offset)
        .uint32(length)
        .uint32(chunk?.checksum ?? 0)
        .bytes(chunk?.digest ?? HOLE)
        .finish();
      writer.uint32(this.#checksum(body)).bytes(body);
    }
    return writer.finish();
  }

  /** The records up to the first that is not whole. */
  #decode(bytes: Uint8Array): KnownExtent[] {
    const extents: KnownExtent[] = [];
    for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      const reader = new ByteReader(bytes.subarray(at, at + RECORD_BYTES), 'journal');
      if (reader.uint32() !== this.#checksum(bytes.subarray(at + 4, at + RECORD_BYTES))) break;
      const offset = reader.uint64();
      const length = reader.uint32();
      const checksum = reader.uint32();
      const digest = new Uint8Array(reader.bytes(DIGEST_BYTES));
      const chunk = bytesEqual(digest, HOLE) ? undefined : { offset, length, checksum, digest };
      extents.push({ offset, length, chunk });
    }
    return extents;
  }

  /** A record of another journal is none of this. */
  #checksum(body: Uint8Array): number {
    return crc32(body, crc32(this.#binding));
  }
}

/** A hole may be longer than a record can say. */
function splitHole(extent: KnownExtent): KnownExtent[] {
  const { offset, length, chunk } = extent;
  if (chunk !== undefined || length <= LIMITS.scanBytesMax) return [extent];
  const parts: KnownExtent[] = [];
  for (let start = 0; start < length; start += LIMITS.scanBytesMax) {
    const part = Math.min(LIMITS.scanBytesMax, length - start);
    parts.push({ offset: offset + start, length: part, chunk });
  }
  return parts;
}

/** Undefined if there is none, or none that could be one. */
async function readJournal(path: string): Promise<Uint8Array | undefined> {
  try {
    await using handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > JOURNAL_BYTES_MAX) return undefined;
    return await handle.readFile();
  } catch {
    return undefined;
  }
}
