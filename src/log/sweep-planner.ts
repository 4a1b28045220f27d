import { setImmediate } from 'node:timers/promises';
import { asBuffer } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { assert, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_KIND, tableBytes, type TableEntry } from '../format/segment.ts';
import { type FreedLayout, holeOf, layOutFreed } from '../storage/freed-layout.ts';
import type { Position } from '../storage/replay-visitor.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import type { IndexDatabase } from '../storage/index-db.ts';
import type { SegmentFrames, SegmentSpace } from '../storage/segment-space.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { CommitIndex } from './commit-index.ts';
import { VolumeTable } from './volume-table.ts';
import { earlier } from './waiting-rows.ts';

const IDS_CACHED_MAX = 10_000;

/** What sweeps work on. */
export interface SweepParts {
  readonly index: IndexDatabase;
  readonly space: SegmentSpace;
  readonly chunks: ChunkTable;
  readonly committed: CommitIndex;
  readonly clock: Clock;
  /** Changes the index in a turn of its own. */
  readonly run: <T>(turn: () => T) => Promise<T>;
}

/** What is to happen to a frame: it stays, it goes with the chunk that is read there, or as a copy that nobody reads. */
export type Fate = 'stays' | 'goes' | 'copy';

/** What of a segment is to be freed. */
export interface SegmentPlan {
  readonly segment: number;
  readonly entries: readonly TableEntry[];
  /** Where the last frame ends. */
  readonly end: number;
  /** Indexes of the frames that go, ascending. */
  readonly going: number[];
  /** As it is without them. */
  layout(): FreedLayout;
  /** Bytes that it will take of the disk, about. */
  readonly bytesAfter: number;
}

/** A chunk and its frame. */
export interface PlacedChunk {
  /** Index id. */
  readonly volume: number;
  readonly digest: Uint8Array;
  readonly place: FrameLocation;
}

/** Finds what can be freed. What it says holds until somebody else has a turn. */
export class SweepPlanner {
  readonly #parts: SweepParts;
  readonly #isKept: (volume: number, digest: Uint8Array) => boolean;
  readonly #spared: ReadonlySet<number>;
  readonly #volumes: VolumeTable;
  /** By name as latin1 text. */
  readonly #ids = new Map<string, number | undefined>();
  /** Chunks before it that no file has used were given up. */
  readonly #oldEnd: Position;

  constructor(
    parts: SweepParts & {
      readonly isKept: (volume: number, digest: Uint8Array) => boolean;
      readonly spared: ReadonlySet<number>;
    },
  ) {
    this.#parts = parts;
    this.#isKept = parts.isKept;
    this.#spared = parts.spared;
    this.#volumes = new VolumeTable(parts.index.reader);
    this.#oldEnd = parts.committed.placeAt(parts.clock.now() - LIMITS.unusedChunkKeepMs);
  }

  /** Undefined if it would not be worth the work, or if the segment's table is damaged. */
  async plan(segment: number, signal: AbortSignal): Promise<SegmentPlan | undefined> {
    const isOpen = segment === this.#parts.space.openSegment;
    const frames = await this.#framesOf(segment);
    if (frames === undefined) return undefined;
    const { entries, end } = frames;
    const going: number[] = [];
    const layout = (): FreedLayout => {
      const all = new Set(going);
      return layOutFreed(entries, (index) => all.has(index));
    };
    const occupied = occupiedBytes(entries, end);
    const plan = { segment, entries, end, going, layout, bytesAfter: occupied };
    await this.#add(plan, signal, (index) => this.#isLoose(entries, index));
    const { bytes } = layout();
    const share = (occupied * LIMITS.sweptPerMilleMin) / 1000;
    if (bytes < Math.max(share, isOpen ? LIMITS.sweptOpenBytesMin : 1)) return undefined;
    return { ...plan, bytesAfter: occupied - bytes + tableBytes(entries.length) };
  }

  /** Undefined if what would say them is damaged: then the segment stays as it is. */
  async #framesOf(segment: number): Promise<SegmentFrames | undefined> {
    try {
      return await this.#parts.space.frames(segment);
    } catch (error) {
      if (isGdpfsError(error, 'corrupt')) return undefined;
      throw error;
    }
  }

  /** Adds the copies of chunks that are kept, but read elsewhere: to look for these takes longer. */
  async findCopies(plan: SegmentPlan, signal: AbortSignal): Promise<void> {
    const going = new Set(plan.going.splice(0));
    await this.#add(
      plan,
      signal,
      (index) => going.has(index) || !this.#isLoose(plan.entries, index),
    );
  }

  /** As it is now. */
  fateOf({ segment, entries }: SegmentPlan, index: number): Fate {
    const entry = entries[index];
    const volume = entry && this.#volumeOf(entry);
    if (entry === undefined || volume === undefined) return 'stays';
    const isKept = this.#isKept(volume, entry.digest);
    const row = this.#parts.chunks.row(volume, entry.digest);
    if (row?.isWaiting === true) return 'stays';
    const place = { segment, offset: entry.offset };
    const location = row?.location;
    if (location?.segment === segment && location.offset === entry.offset) {
      const isGivenUp = row?.used === true || earlier(place, this.#oldEnd) === place;
      return !isKept && isGivenUp ? 'goes' : 'stays';
    }
    if (!isKept) return 'copy';
    return location !== undefined && earlier(place, location) === place ? 'copy' : 'stays';
  }

  chunkAt({ segment, entries }: SegmentPlan, index: number): PlacedChunk {
    const entry = entries[index];
    const volume = entry && this.#volumeOf(entry);
    assert(entry !== undefined && volume !== undefined, 'it is a chunk of a volume');
    const { digest, offset, length } = entry;
    return { volume, digest, place: { segment, offset, length } };
  }

  /** Adds those that go of the frames that are to be looked at. */
  async #add(
    plan: SegmentPlan,
    signal: AbortSignal,
    isLookedAt: (index: number) => boolean,
  ): Promise<void> {
    for (let start = 0; start < plan.entries.length; start += LIMITS.sweptRowsAtOnce) {
      signal.throwIfAborted();
      const end = Math.min(plan.entries.length, start + LIMITS.sweptRowsAtOnce);
      for (let index = start; index < end; index++) {
        if (isLookedAt(index) && this.fateOf(plan, index) !== 'stays') plan.going.push(index);
      }
      await setImmediate();
    }
  }

  /** Is it a chunk that is not kept? Needs no look into the index. */
  #isLoose(entries: readonly TableEntry[], index: number): boolean {
    const entry = entries[index];
    const volume = entry && this.#volumeOf(entry);
    return entry !== undefined && volume !== undefined && !this.#isKept(volume, entry.digest);
  }

  /** Index id; undefined for what is no chunk, or of a volume of which nothing is freed. */
  #volumeOf({ kind, volume }: TableEntry): number | undefined {
    if (kind !== FRAME_KIND.chunk) return undefined;
    const key = asBuffer(volume).toString('latin1');
    let id = this.#ids.get(key);
    if (id === undefined && !this.#ids.has(key)) {
      id = this.#volumes.byName(volume)?.id;
      if (this.#ids.size >= IDS_CACHED_MAX) this.#ids.clear();
      this.#ids.set(key, id);
    }
    return id === undefined || this.#spared.has(id) ? undefined : id;
  }
}

/** Of the disk, about: what was freed before does not count. */
function occupiedBytes(entries: readonly TableEntry[], end: number): number {
  return entries.reduce((sum, entry) => {
    return entry.kind === FRAME_KIND.padding ? sum - holeOf(entry).length : sum;
  }, end);
}
