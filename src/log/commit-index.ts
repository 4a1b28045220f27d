import type { DatabaseSync } from 'node:sqlite';
import type { Commit, PartPlace, RequestResult } from '../format/commit.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_HEADER_BYTES } from '../format/segment.ts';
import type { ChainState } from '../format/volume-chain.ts';
import { prepareAll, shortKey } from '../storage/index-db.ts';
import type { Position } from '../storage/replay-visitor.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { LogTree } from './log-tree.ts';
import { VolumeTable } from './volume-table.ts';

/** Of a commit frame's payload, before the commit: its length. */
const COMMIT_PREFIX_BYTES = 4;

const SQL = {
  frame: `INSERT OR REPLACE INTO commit_frame
    (volume, first_seq, count, time_ms, segment, offset, length, leaves)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  part: `INSERT INTO log_part
    (volume, key, log, first_seq, count, segment, offset, length, records)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  request: `INSERT OR REPLACE INTO request (principal, id, fingerprint, time_ms, body)
    VALUES (?, ?, ?, ?, ?)`,
  findRequest: 'SELECT fingerprint, body FROM request WHERE principal = ? AND id = ?',
  logCount: `SELECT max(first_seq + count) AS count FROM log_part
    WHERE volume = ? AND key = ? AND log = ?`,
  dropRequests: 'DELETE FROM request WHERE time_ms < ?',
  setPosition: 'INSERT OR REPLACE INTO position (one, segment, offset) VALUES (1, ?, ?)',
} as const;

/** Which request it is: by its id, with a fingerprint that tells another one of the same id. */
export interface RequestKey {
  readonly principal: string;
  readonly id: string;
  readonly fingerprint: Uint8Array;
}

/** The encoded records at `place` if they are few enough to be kept in the index. */
function shortRecords(bytes: Uint8Array, { offset, length }: PartPlace): Uint8Array | null {
  return length > LIMITS.indexedRecordsBytesMax ? null : bytes.subarray(offset, offset + length);
}

/** Writes into the index what a commit frame says beside its records. Live path and recovery. */
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
      /** `commit`, encoded. */
      readonly bytes: Uint8Array;
      readonly places: readonly PartPlace[];
      readonly location: FrameLocation;
      /** Leaf hashes of the records, one behind the other. */
      readonly leaves: Uint8Array;
    },
  ): void {
    const { commit, bytes, places, location, leaves } = stored;
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
    this.#tree.grow(volume, { from: firstSeq, count: state.count });
    const start = offset + FRAME_HEADER_BYTES + COMMIT_PREFIX_BYTES;
    for (const [index, part] of commit.parts.entries()) {
      const place = places[index];
      if (place === undefined) continue;
      this.#sql.part.run(
        volume,
        shortKey(part.log),
        part.log,
        part.firstSeq,
        part.records.length,
        segment,
        start + place.offset,
        place.length,
        shortRecords(bytes, place),
      );
    }
  }

  addResult(result: RequestResult): void {
    const { principal, id, fingerprint, timeMs, body } = result;
    this.#sql.request.run(principal, id, fingerprint, timeMs, body);
  }

  /** The first answer to the request, pending ones included. */
  findResult(
    principal: string,
    id: string,
  ): { readonly fingerprint: Uint8Array; readonly body: Uint8Array } | undefined {
    const row = this.#sql.findRequest.get(principal, id);
    if (row === undefined) return undefined;
    return { fingerprint: row['fingerprint'] as Uint8Array, body: row['body'] as Uint8Array };
  }

  /** Records of a file log, those of this transaction's earlier commits included. */
  fileLogCount(volume: number, log: Uint8Array): number {
    return Number(this.#sql.logCount.get(volume, shortKey(log), log)?.['count'] ?? 0);
  }

  dropResultsBefore(timeMs: number): void {
    this.#sql.dropRequests.run(timeMs);
  }

  /** Everything before `position` is in the index. */
  setPosition(position: Position): void {
    this.#sql.setPosition.run(position.segment, position.offset);
  }
}
