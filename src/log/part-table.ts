import { newBytes } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { Commit, PartPlace } from '../format/commit.ts';
import { FRAME_HEADER_BYTES } from '../format/segment.ts';
import { type IndexDatabase, prepareAll, shortKey } from '../storage/index-db.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { type WaitingLimits, WaitingRows } from './waiting-rows.ts';

/** Of a commit frame's payload, before the commit: its length. */
const COMMIT_PREFIX_BYTES = 4;

const SQL = {
  list: `SELECT first_seq, count, segment, offset, length, records FROM log_part
    WHERE volume = ? AND key = ? AND log = ? AND first_seq < ?`,
  whole: `SELECT records FROM log_part
    WHERE volume = ? AND key = ? AND log = ? AND first_seq = 0 AND count = ?`,
  has: `SELECT 1 FROM log_part WHERE volume = ? AND key = ? AND log = ? AND first_seq = ?`,
  count: `SELECT max(first_seq + count) AS count FROM log_part
    WHERE volume = ? AND key = ? AND log = ?`,
  insert: `INSERT INTO log_part
    (volume, key, log, first_seq, count, segment, offset, length, records)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
} as const;

/** Records of a file log that one commit has added. */
export interface LogPart {
  readonly firstSeq: number;
  /** Records. */
  readonly count: number;
  /** Where the encoded list of them lies. */
  readonly place: FrameLocation;
  /** The same, if it is short. */
  readonly records: Uint8Array | undefined;
}

/** A part that waits, in one object: there is one for each small file. */
interface WaitingPart extends Omit<LogPart, 'place' | 'records'>, FrameLocation {
  readonly volume: number;
  /** Name of the file log. */
  readonly digest: Uint8Array;
  /** Short lists of records of the commit; this one's begins at `start`, or is not there. */
  readonly short: Uint8Array;
  readonly start: number | undefined;
  /** Another part of the same log that came before. */
  readonly before: WaitingPart | undefined;
}

/** A commit and where it lies. */
export interface StoredCommit {
  readonly commit: Commit;
  /** `commit`, encoded. */
  readonly bytes: Uint8Array;
  readonly places: readonly PartPlace[];
  /** Of its frame. */
  readonly location: FrameLocation;
}

/**
 * Where the records of file logs lie, by volume and log. What commits add waits here, and is found, before
 * the index has it; so there is nothing here of a commit that is not yet one of the index.
 */
export class PartTable {
  readonly #reader: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly #writer: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly waiting: WaitingRows<WaitingPart>;

  constructor(index: Pick<IndexDatabase, 'reader' | 'writer'>, limits?: WaitingLimits) {
    this.#reader = prepareAll(index.reader, SQL);
    this.#writer = prepareAll(index.writer, SQL);
    this.waiting = new WaitingRows((part) => this.#write(part), limits);
  }

  /** The commit has come into the index. */
  add(volume: number, stored: StoredCommit): void {
    const { waiting } = this;
    for (const part of partsOf(volume, stored)) {
      const before = waiting.coming(volume, part.digest);
      waiting.set(before === undefined ? part : { ...part, before }, stored.location);
    }
  }

  /** The same, of a commit that came into the index before; some of its parts may be there, too. */
  addAgain(volume: number, stored: StoredCommit): void {
    const parts = stored.commit.parts.map((part, index) => ({ part, place: stored.places[index] }));
    const absent = parts.filter(({ part: { log, firstSeq } }) => {
      if (this.#waiting(volume, log).some((one) => one.firstSeq === firstSeq)) return false;
      return this.#writer.has.get(volume, shortKey(log), log, firstSeq) === undefined;
    });
    const places = absent.flatMap(({ place }) => place ?? []);
    const commit = { ...stored.commit, parts: absent.map(({ part }) => part) };
    this.add(volume, { ...stored, commit, places });
  }

  /** The parts of the log that begin before record `end`, in order. */
  list(volume: number, log: Uint8Array, end: number): LogPart[] {
    const parts = new Map<number, LogPart>();
    for (const row of this.#reader.list.all(volume, shortKey(log), log, end)) {
      const part = {
        firstSeq: Number(row['first_seq']),
        count: Number(row['count']),
        place: {
          segment: Number(row['segment']),
          offset: Number(row['offset']),
          length: Number(row['length']),
        },
        records: row['records'] instanceof Uint8Array ? row['records'] : undefined,
      };
      parts.set(part.firstSeq, part);
    }
    for (const part of this.#waiting(volume, log)) {
      if (part.firstSeq < end) parts.set(part.firstSeq, part);
    }
    return [...parts.values()].sort((left, right) => left.firstSeq - right.firstSeq);
  }

  /** The encoded records of a log if its first `count` came together and are few. */
  whole(volume: number, log: Uint8Array, count: number): Uint8Array | undefined {
    for (const part of this.#waiting(volume, log)) {
      if (part.firstSeq === 0) return part.count === count ? part.records : undefined;
    }
    const records = this.#reader.whole.get(volume, shortKey(log), log, count)?.['records'];
    return records instanceof Uint8Array ? records : undefined;
  }

  /** Records of the log in all commits. */
  count(volume: number, log: Uint8Array): number {
    const row = this.#reader.count.get(volume, shortKey(log), log);
    let count = Number(row?.['count'] ?? 0);
    // Of those that wait the newest says it: a log that many commits append to has many.
    for (const part of [this.waiting.coming(volume, log), this.waiting.leaving(volume, log)]) {
      if (part !== undefined) count = Math.max(count, part.firstSeq + part.count);
    }
    return count;
  }

  /** In order. */
  #waiting(volume: number, log: Uint8Array): readonly LogPart[] {
    if (this.waiting.size === 0) return [];
    const parts: LogPart[] = [];
    for (const last of [this.waiting.coming(volume, log), this.waiting.leaving(volume, log)]) {
      for (let part = last; part !== undefined; part = part.before) parts.push(asLogPart(part));
    }
    return parts.reverse();
  }

  #write(last: WaitingPart): void {
    for (let part: WaitingPart | undefined = last; part !== undefined; part = part.before) {
      const { volume, digest: log, firstSeq, count, segment, offset, length } = part;
      const place = [segment, offset, length] as const;
      const records = shortRecords(part) ?? null;
      this.#writer.insert.run(volume, shortKey(log), log, firstSeq, count, ...place, records);
    }
  }
}

function partsOf(volume: number, { commit, bytes, places, location }: StoredCommit): WaitingPart[] {
  const { segment, offset } = location;
  const start = offset + FRAME_HEADER_BYTES + COMMIT_PREFIX_BYTES;
  const isShort = ({ length }: PartPlace): boolean => length <= LIMITS.indexedRecordsBytesMax;
  // The commit itself may be large, and must not stay for their sake.
  const shortBytes = places.reduce((sum, place) => sum + (isShort(place) ? place.length : 0), 0);
  const short = newBytes(shortBytes);
  let end = 0;
  const rows: WaitingPart[] = [];
  for (const [index, place] of places.entries()) {
    const part = commit.parts[index];
    if (part === undefined) continue;
    const { length } = place;
    const isKept = isShort(place);
    rows.push({
      volume,
      digest: part.log,
      firstSeq: part.firstSeq,
      count: part.records.length,
      segment,
      offset: start + place.offset,
      length,
      short,
      start: isKept ? end : undefined,
      before: undefined,
    });
    if (!isKept) continue;
    short.set(bytes.subarray(place.offset, place.offset + length), end);
    end += length;
  }
  return rows;
}

function shortRecords({ short, start, length }: WaitingPart): Uint8Array | undefined {
  return start === undefined ? undefined : short.subarray(start, start + length);
}

function asLogPart(part: WaitingPart): LogPart {
  const { firstSeq, count, segment, offset, length } = part;
  return { firstSeq, count, place: { segment, offset, length }, records: shortRecords(part) };
}
