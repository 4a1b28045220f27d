import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { EDITION_BYTES } from '../format/segment.ts';
import type { KeptFilter } from './kept-filter.ts';
import { SegmentEditions } from './segment-editions.ts';
import type { FreeOptions, Sweep, SweepResult } from './sweep.ts';
import { type SegmentPlan, type SweepParts, SweepPlanner } from './sweep-planner.ts';

/** Rows that were taken out of the index, by their frames, and whether files had used them. */
type Taken = Map<number, boolean>;

type Counts = { -readonly [Key in keyof SweepResult]: SweepResult[Key] };

/**
 * One sweep. Of each segment that is worth it (1) the index is told that its chunks are from no file for
 * sure; (2) what is not kept is looked at once more and taken out of the index, some rows in a turn: from
 * then on it is missing, and whoever needs it sends it again, to another place; (3) the segment is written
 * anew without it; (4) the index is told from which file its chunks are. A crash before (4), or an index
 * that has forgotten some of that, makes the next start read the segment's table again.
 */
export class Sweeper implements Sweep {
  readonly kept: KeptFilter;
  readonly #parts: SweepParts;
  readonly #isKept: (volume: number, digest: Uint8Array) => boolean;
  readonly #closing: AbortSignal;
  readonly #onEnd: () => void;
  readonly #editions: SegmentEditions;
  #running: Promise<SweepResult> | undefined;
  #isOver = false;

  constructor(
    parts: SweepParts,
    options: {
      readonly kept: KeptFilter;
      readonly isKept: (volume: number, digest: Uint8Array) => boolean;
      /** The store is being closed. */
      readonly closing: AbortSignal;
      readonly onEnd: () => void;
    },
  ) {
    this.#parts = parts;
    this.kept = options.kept;
    this.#isKept = options.isKept;
    this.#closing = options.closing;
    this.#onEnd = options.onEnd;
    this.#editions = new SegmentEditions(parts.index.writer);
  }

  async free(options: FreeOptions): Promise<SweepResult> {
    if (this.#isOver) throw new GdpfsError('internal', 'cannot free space: the sweep has ended');
    const { signal } = options;
    const signals = signal === undefined ? [this.#closing] : [this.#closing, signal];
    this.#running = this.#free({ ...options, signal: AbortSignal.any(signals) });
    return await this.#running;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
  }

  /** Resolves when nothing more is changed. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #free(options: FreeOptions & { readonly signal: AbortSignal }): Promise<SweepResult> {
    const { spared, dryRun, signal, progress } = options;
    const planner = new SweepPlanner({ ...this.#parts, isKept: this.#isKept, spared });
    const result = { segments: 0, rewritten: 0, chunks: 0, bytes: 0, postponed: 0 };
    const segmentsTotal = this.#parts.space.openSegment;
    const large: { readonly segment: number; readonly bytes: number }[] = [];
    for (let segment = 1; segment <= segmentsTotal; segment++) {
      const bytes = await this.#freeSegment({ segment, planner, dryRun, signal, result });
      if (bytes > 0) large.push({ segment, bytes });
      result.segments += 1;
      progress?.({ ...result, segmentsTotal });
    }
    // Each that is written anew makes room for a larger one.
    large.sort((left, right) => left.bytes - right.bytes);
    for (const { segment } of large) {
      const bytes = await this.#freeSegment({ segment, planner, dryRun, signal, result });
      if (bytes > 0) result.postponed += 1;
      progress?.({ ...result, segmentsTotal });
    }
    const [least] = large;
    if (least === undefined || result.rewritten > 0) return result;
    throw new GdpfsError(
      'no_space',
      `cannot free space: the disk is full, need ${least.bytes} bytes to write a segment anew`,
      { hint: 'make room on the disk of the store, then run it again' },
    );
  }

  /** Returns the bytes for which there is no room on the disk, or 0. */
  async #freeSegment(at: {
    readonly segment: number;
    readonly planner: SweepPlanner;
    readonly dryRun: boolean;
    readonly signal: AbortSignal;
    readonly result: Counts;
  }): Promise<number> {
    const { segment, planner, dryRun, signal, result } = at;
    const { space } = this.#parts;
    signal.throwIfAborted();
    let plan = await planner.plan(segment, signal);
    if (plan === undefined) return 0;
    if (dryRun) {
      result.rewritten += 1;
      result.chunks += plan.going.length;
      result.bytes += plan.layout().bytes;
      return 0;
    }
    const { bytesAfter } = plan;
    if (!(await space.hasRoomFor(bytesAfter))) return bytesAfter;
    try {
      if (segment === space.openSegment) {
        await space.seal();
        plan = await planner.plan(segment, signal);
        if (plan === undefined) return 0;
      }
      await planner.findCopies(plan, signal);
      const { chunks, bytes } = await this.#sweep(plan, planner, signal);
      result.chunks += chunks;
      result.bytes += bytes;
      result.rewritten += 1;
      return 0;
    } catch (error) {
      if (!isGdpfsError(error, 'no_space')) throw error;
      return bytesAfter;
    }
  }

  async #sweep(
    plan: SegmentPlan,
    planner: SweepPlanner,
    signal: AbortSignal,
  ): Promise<{ readonly chunks: number; readonly bytes: number }> {
    const { run, space } = this.#parts;
    const { segment, end: tableOffset } = plan;
    const before = this.#editions.get(segment);
    const edition = new Uint8Array(randomBytes(EDITION_BYTES));
    const taken: Taken = new Map();
    let isRenamed = false;
    try {
      await run(() => this.#editions.begin(segment));
      await this.#takeOut(plan, planner, { taken, signal });
      if (plan.going.length === 0) return { chunks: 0, bytes: 0 };
      const layout = plan.layout();
      const rewriting = { segment, layout, tableOffset, edition };
      const onRenamed = (): void => {
        isRenamed = true;
      };
      const bytes = await space.rewrite(rewriting, { signal, onRenamed });
      return { chunks: plan.going.length, bytes };
    } finally {
      if (!isRenamed) await this.#putBack(plan, planner, taken);
      const now = isRenamed ? edition : before;
      await run(() => this.#editions.set({ segment, edition: now }));
    }
  }

  /** What is not kept is missing from now on. */
  async #takeOut(
    plan: SegmentPlan,
    planner: SweepPlanner,
    { taken, signal }: { readonly taken: Taken; readonly signal: AbortSignal },
  ): Promise<void> {
    const { run, chunks } = this.#parts;
    const going = plan.going.splice(0);
    for (let start = 0; start < going.length; start += LIMITS.sweptRowsAtOnce) {
      signal.throwIfAborted();
      const some = going.slice(start, start + LIMITS.sweptRowsAtOnce);
      const gone = await run(() =>
        some.filter((index) => {
          // It may be wanted by now.
          const fate = planner.fateOf(plan, index);
          if (fate !== 'goes') return fate === 'copy';
          const { volume, digest, place } = planner.chunkAt(plan, index);
          const used = chunks.free(volume, digest, place);
          if (used !== undefined) taken.set(index, used);
          return used !== undefined;
        }),
      );
      plan.going.push(...gone);
    }
  }

  async #putBack(plan: SegmentPlan, planner: SweepPlanner, taken: Taken): Promise<void> {
    const { run, chunks } = this.#parts;
    const rows = [...taken];
    for (let start = 0; start < rows.length; start += LIMITS.sweptRowsAtOnce) {
      await run(() => {
        for (const [index, used] of rows.slice(start, start + LIMITS.sweptRowsAtOnce)) {
          const { volume, digest, place } = planner.chunkAt(plan, index);
          chunks.putBack(volume, digest, { ...place, used });
        }
      });
      await setImmediate();
    }
  }
}
