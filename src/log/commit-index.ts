import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { bytesEqual, utf8Decode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import type { Commit, RequestResult } from '../format/commit.ts';
import type { ChainState } from '../format/volume-chain.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { Position } from '../storage/replay-visitor.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { LogTree, type SubtreeRoot } from './log-tree.ts';
import { VolumeTable } from './volume-table.ts';

const SQL = {
  frame: `INSERT OR REPLACE INTO commit_frame
    (volume, first_seq, count, time_ms, segment, offset, length, leaves)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  frames: `SELECT segment, offset, length FROM commit_frame
    WHERE volume = ?1 AND first_seq >= (SELECT max(first_seq) FROM commit_frame
      WHERE volume = ?1 AND first_seq <= ?2) AND first_seq + count > ?2
    ORDER BY first_seq LIMIT ?3`,
  frameBefore: `SELECT segment, offset, length FROM commit_frame
    WHERE volume = ? AND first_seq < ? ORDER BY first_seq DESC LIMIT 1`,
  at: `SELECT first_seq + count AS count, segment, offset FROM commit_frame
    WHERE volume = ? AND time_ms <= ? ORDER BY time_ms DESC, first_seq DESC LIMIT 1`,
  volumes: 'SELECT id FROM volume',
  place: 'SELECT segment, offset FROM commit_frame WHERE volume = ? AND first_seq = ?',
  request: `INSERT OR REPLACE INTO request (principal, id, fingerprint, time_ms, body)
    VALUES (?, ?, ?, ?, ?)`,
  findRequest: 'SELECT fingerprint, body FROM request WHERE principal = ? AND id = ?',
  dropRequests: 'DELETE FROM request WHERE time_ms < ?',
  setPosition: 'INSERT OR REPLACE INTO position (one, segment, offset) VALUES (1, ?, ?)',
} as const;

/** Which request it is: by its id, with a fingerprint that tells another one of the same id. */
export interface RequestKey {
  readonly principal: string;
  readonly id: string;
  readonly fingerprint: Uint8Array;
}

/** Writes into the index what a commit frame says beside its records and file logs. Live path and recovery. */
export class CommitIndex {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly #volumes: VolumeTable;
  readonly #tree: LogTree;

  /** `database` is the writing connection. */
  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
    this.#volumes = new VolumeTable(database);
    this.#tree = new LogTree(database);
  }

  /** `state` is the log's state after the commit, which lies in the frame at `location`. */
  add(
    volume: number,
    state: ChainState,
    stored: {
      readonly commit: Commit;
      readonly location: FrameLocation;
      /** Leaf hashes of the records, one behind the other. */
      readonly leaves: Uint8Array;
      /** Of the subtrees that they complete. */
      readonly roots: readonly SubtreeRoot[];
    },
  ): void {
    const { commit, location, leaves, roots } = stored;
    const { segment, offset, length } = location;
    this.#volumes.update(volume, state, commit.checkpoint);
    const { firstSeq } = commit;
    this.#sql.frame.run(
      volume,
      firstSeq,
      commit.records.length,
      state.timeMs,
      segment,
      offset,
      length,
      leaves,
    );
    this.#tree.grow(volume, roots);
  }

  /** Commits from the one that holds `seq` on, at most `limit`. */
  frames(volume: number, { seq, limit }: { seq: number; limit: number }): FrameLocation[] {
    return this.#sql.frames.all(volume, seq, limit).map(placeOf);
  }

  /** The commit that holds record `seq` - 1. */
  frameBefore(volume: number, seq: number): FrameLocation | undefined {
    const row = this.#sql.frameBefore.get(volume, seq);
    return row && placeOf(row);
  }

  /** Records that the log had at `timeMs`; 0 before its first commit. */
  countAt(volume: number, timeMs: number): number {
    return Number(this.#sql.at.get(volume, timeMs)?.['count'] ?? 0);
  }

  /** A place such that what lies before it was there at `timeMs`: the newest commit of that time. */
  placeAt(timeMs: number): Position {
    let place: Position = { segment: 0, offset: 0 };
    for (const { id } of this.#sql.volumes.all()) {
      const row = this.#sql.at.get(Number(id), timeMs);
      if (row === undefined) continue;
      const { segment, offset } = placeOf(row);
      const isLater =
        segment > place.segment || (segment === place.segment && offset > place.offset);
      if (isLater) place = { segment, offset };
    }
    return place;
  }

  /** Is the commit that begins with record `firstSeq` the one in the frame there? */
  isAt(volume: number, firstSeq: number, { segment, offset }: FrameLocation): boolean {
    const row = this.#sql.place.get(volume, firstSeq);
    return row?.['segment'] === segment && row['offset'] === offset;
  }

  addResult(result: RequestResult): void {
    const { principal, id, fingerprint, timeMs, body } = result;
    this.#sql.request.run(principal, id, fingerprint, timeMs, body);
  }

  /**
   * The first answer to the request, pending ones included; undefined if it is new. Throws
   * `request_reused`.
   */
  firstResult({ principal, id, fingerprint }: RequestKey): unknown {
    const row = this.#sql.findRequest.get(principal, id);
    if (row === undefined) return undefined;
    if (bytesEqual(row['fingerprint'] as Uint8Array, fingerprint)) {
      return JSON.parse(utf8Decode(row['body'] as Uint8Array));
    }
    throw new GdpfsError(
      'request_reused',
      `cannot repeat request "${id}": it was another request before`,
      { hint: 'use a new Idempotency-Key for every new request' },
    );
  }

  dropResultsBefore(timeMs: number): void {
    this.#sql.dropRequests.run(timeMs);
  }

  /** Everything before `position` is in the index. */
  setPosition(position: Position): void {
    this.#sql.setPosition.run(position.segment, position.offset);
  }
}

function placeOf(row: Record<string, SQLOutputValue>): FrameLocation {
  return {
    segment: Number(row['segment']),
    offset: Number(row['offset']),
    length: Number(row['length']),
  };
}
