import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { bytesEqual, concatBytes, utf8Encode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from '../format/byte-reader.ts';
import { ByteWriter } from '../format/byte-writer.ts';
import { type ByteRange, mergeRanges } from './byte-ranges.ts';
import { isOurs } from './ownership.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const JOURNAL_MODE = 0o600;
/** crc-32, then offset and length as uint64. */
const RECORD_BYTES = 20;

/** The part that a journal tells about: with another one it is worthless. */
export interface PartIdentity {
  readonly etag: string;
  readonly size: number;
  readonly inode: bigint;
  readonly birthNs: bigint;
}

/**
 * Which bytes of a part file are good: verified, and on the disk before the journal says so. It may
 * lag behind and may get lost; it never claims too much. So any damage to it, and any failure to
 * write it, only means that the next download hashes more.
 *
 * A file of 32 bytes that bind it to its part, then records of 20 bytes. Records of several
 * processes that download the same may follow each other: all of them are true.
 */
export class PartJournal {
  readonly #path: string;
  readonly #binding: Uint8Array;
  /** What was read. */
  #found: readonly ByteRange[] = [];
  /** Can the file be appended to? Behind a torn record nothing would be found again. */
  #isWhole = false;
  #handle: FileHandle | undefined;
  #isBroken = false;
  #isRemoved = false;

  constructor(path: string, identity: PartIdentity) {
    this.#path = path;
    this.#binding = bindingOf(identity);
  }

  /** Ranges of the part that are good, as `mergeRanges` returns them. */
  async read(): Promise<readonly ByteRange[]> {
    const bytes = await readJournal(this.#path);
    if (
      bytes === undefined ||
      !bytesEqual(bytes.subarray(0, this.#binding.length), this.#binding)
    ) {
      return [];
    }
    const records = bytes.subarray(this.#binding.length);
    const ranges = this.#decode(records);
    this.#isWhole = ranges.length * RECORD_BYTES === records.length;
    this.#found = mergeRanges(ranges);
    return this.#found;
  }

  /** `ranges` of the part are verified and durable. */
  async append(ranges: readonly ByteRange[]): Promise<void> {
    if (this.#isBroken || ranges.length === 0) return;
    try {
      this.#handle ??= await this.#open();
      await this.#handle.appendFile(this.#encode(mergeRanges(ranges)));
    } catch {
      this.#isBroken = true;
    }
  }

  /** Forgets all that it says. */
  async remove(): Promise<void> {
    this.#found = [];
    this.#isWhole = false;
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #open(): Promise<FileHandle> {
    this.#isRemoved = false;
    const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
    if (this.#isWhole) return await open(this.#path, flags);
    await rm(this.#path, { force: true });
    const handle = await open(this.#path, flags | O_CREAT | O_EXCL, JOURNAL_MODE);
    await handle.appendFile(concatBytes([this.#binding, this.#encode(this.#found)]));
    return handle;
  }

  #encode(ranges: readonly ByteRange[]): Uint8Array {
    const writer = new ByteWriter(ranges.length * RECORD_BYTES);
    for (const { offset, length } of ranges) {
      const body = new ByteWriter(RECORD_BYTES).uint64(offset).uint64(length).finish();
      writer.uint32(this.#checksum(body)).bytes(body);
    }
    return writer.finish();
  }

  /** The records up to the first that is not whole. */
  #decode(bytes: Uint8Array): ByteRange[] {
    const ranges: ByteRange[] = [];
    for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      const reader = new ByteReader(bytes.subarray(at, at + RECORD_BYTES), 'journal');
      const checksum = reader.uint32();
      if (checksum !== this.#checksum(bytes.subarray(at + 4, at + RECORD_BYTES))) break;
      ranges.push({ offset: reader.uint64(), length: reader.uint64() });
    }
    return ranges;
  }

  /** A record of another journal is none of this. */
  #checksum(body: Uint8Array): number {
    return crc32(body, crc32(this.#binding));
  }
}

function bindingOf({ etag, size, inode, birthNs }: PartIdentity): Uint8Array {
  return sha256(utf8Encode(`gdpfs part journal 1\n${etag}\n${size}\n${inode}\n${birthNs}\n`));
}

/** Undefined if there is none, or none that could be one. */
async function readJournal(path: string): Promise<Uint8Array | undefined> {
  try {
    await using handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = await handle.stat({ bigint: true });
    // In a directory that others may write to, they could claim what they like.
    if (!stats.isFile() || !isOurs(stats)) return undefined;
    if (stats.size > LIMITS.partJournalBytesMax) return undefined;
    return await handle.readFile();
  } catch {
    return undefined;
  }
}
