import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Disk } from '../storage/disk.ts';
import { makeDurableDirectory } from '../storage/durable-directory.ts';
import { openIndexDatabase, removeIndex } from '../storage/index-db.ts';
import { lockStore } from '../storage/lock.ts';
import { openNodeDisk } from '../storage/node-disk.ts';
import { makeRoomToOpen } from '../storage/reserve.ts';
import type { Position } from '../storage/replay-visitor.ts';
import { openSegmentStore } from '../storage/segment-store.ts';
import type { SegmentLimits } from '../storage/segment-writer.ts';
import { ChunkTable } from './chunk-table.ts';
import { CommitIndex } from './commit-index.ts';
import { LogEngine } from './engine.ts';
import type { Fold } from './fold.ts';
import type { Signer } from './key-store.ts';
import { PartTable } from './part-table.ts';
import { Replay } from './replay.ts';
import { LOG_SCHEMA } from './schema.ts';
import { SegmentEditions } from './segment-editions.ts';
import type { WaitingLimits } from './waiting-rows.ts';

export interface OpenLogOptions {
  /** Folder of the store: `segments/`, `index.sqlite`, `lock.sqlite`. Made if missing. */
  readonly directory: string;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly fold: Fold;
  /** Tables of the layers above. */
  readonly schema: string;
  /** Throw the index away first and read everything again. */
  readonly rebuild?: boolean;
  /** Told of what recovery found that an operator should know. */
  readonly warn: (message: string) => void;
  /** Ends the reading of the segments; opening throws its reason then, and may be tried again. */
  readonly signal?: AbortSignal;
  /** Another disk for the segments; by default the folder itself. */
  readonly disk?: Disk;
  readonly segmentLimits?: SegmentLimits;
  /** How many rows wait for the index; by default as LIMITS says. */
  readonly waitingLimits?: WaitingLimits;
}

export interface OpenedLog extends AsyncDisposable {
  readonly engine: LogEngine;
  readonly reader: DatabaseSync;
  readonly writer: DatabaseSync;
  /** Places where the segments do not hold what was written to them. */
  readonly damageCount: number;
}

/** Index file of the store in `directory`. */
export function indexPath(directory: string): string {
  return `${directory}/index.sqlite`;
}

/**
 * Opens a store: takes its lock, brings the index up to the segments, and is then ready for changes.
 * Throws `locked`, `corrupt` when the segments cannot be trusted to go on.
 */
export async function openLog(options: OpenLogOptions): Promise<OpenedLog> {
  const { directory } = options;
  makeDurableDirectory(directory);
  const lock = lockStore(directory);
  try {
    const disk = options.disk ?? openNodeDisk(directory);
    await makeRoomToOpen(disk);
    if (options.rebuild === true) removeIndex(indexPath(directory));
    const index = openIndexDatabase(indexPath(directory), [LOG_SCHEMA, options.schema]);
    const chunks = new ChunkTable(index, options.waitingLimits);
    const parts = new PartTable(index, options.waitingLimits);
    const commits = new CommitIndex(index.writer);
    const editions = new SegmentEditions(index.writer);
    const { fold, signer, clock, warn, signal, segmentLimits } = options;
    const replay = new Replay({
      index,
      commits,
      chunks,
      parts,
      editions,
      fold,
      signer,
      nowMs: clock.now(),
      warn,
      ...(signal === undefined ? {} : { signal }),
    });
    const from = readPosition(index.reader);
    let segments: Awaited<ReturnType<typeof openSegmentStore>>;
    try {
      segments = await openSegmentStore({
        disk,
        visitor: replay,
        warn,
        ...(from === undefined ? {} : { from }),
        ...(segmentLimits === undefined ? {} : { limits: segmentLimits }),
      });
    } catch (error) {
      index.close();
      throw error;
    }
    commits.setPosition(segments.position);
    replay.finish();
    const engine = new LogEngine({ index, segments, commits, chunks, parts, clock, signer, fold });
    return {
      engine,
      reader: index.reader,
      writer: index.writer,
      damageCount: replay.damageCount,
      async [Symbol.asyncDispose]() {
        await engine.close();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function readPosition(reader: DatabaseSync): Position | undefined {
  const row = reader.prepare('SELECT segment, offset FROM position').get();
  if (row === undefined) return undefined;
  return { segment: Number(row['segment']), offset: Number(row['offset']) };
}
