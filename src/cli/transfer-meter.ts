import type { Wait } from '../client/flow/flow-options.ts';
import type { Progress } from '../client/tally.ts';

/** A rate is that of this long: smooth enough to be read, short enough to follow the network. */
const WINDOW_MS = 5000;
const SAMPLE_MS = 250;
/** A rate over less than this says nothing. */
const SPAN_MS_MIN = 500;
/** Besides its bytes a file costs about as much as this many bytes of a large one. */
const FILE_WORK_BYTES = 64 * 1024;

/** Pauses are only worth a word if nothing moves for this long. */
const STILL_MS_MIN = 1000;

/** Nothing moves until something is tried again. */
export interface Standstill {
  /** Why, as the error that led to it says. */
  readonly reason: string;
  /** Until the next attempt; 0 while it is under way. */
  readonly leftMs: number;
}

/** A transfer at one moment. */
export interface TransferView {
  readonly progress: Progress;
  readonly elapsedMs: number;
  /** Bytes of content in a second that became safe on the other side, of the last few seconds. */
  readonly bytesPerSecond: number | undefined;
  /** What is done of all there is to do, 0 to 1, once that is known. */
  readonly fraction: number | undefined;
  /** Until the end, if it goes on like this. */
  readonly leftMs: number | undefined;
  readonly standstill: Standstill | undefined;
}

interface Sample {
  readonly ms: number;
  readonly bytes: number;
  readonly work: number;
}

/** Makes rates and expectations of what a transfer tells. */
export class TransferMeter {
  readonly #progress: Progress;
  readonly #now: () => number;
  readonly #startMs: number;
  /** Oldest first, `WINDOW_MS` of them. */
  readonly #samples: Sample[] = [];
  #pause:
    | {
        readonly reason: string;
        readonly untilMs: number;
        /** When the first request had to wait since anything arrived. */
        readonly sinceMs: number;
        /** What had arrived then. */
        readonly bytes: number;
      }
    | undefined;

  /** `progress` is live; `now` gives milliseconds from any start. */
  constructor(progress: Progress, now: () => number = () => performance.now()) {
    this.#progress = progress;
    this.#now = now;
    this.#startMs = now();
    this.#samples.push(this.#sample(this.#startMs));
  }

  waiting({ reason, retryInMs }: Wait): void {
    const { bytes } = this.#progress;
    const nowMs = this.#now();
    const sinceMs = this.#pause?.bytes === bytes ? this.#pause.sinceMs : nowMs;
    this.#pause = { reason: reason.message, untilMs: nowMs + retryInMs, sinceMs, bytes };
  }

  /** To be called at least every second, or rates are those of longer times. */
  view(): TransferView {
    const nowMs = this.#now();
    const now = this.#sample(nowMs);
    const first = this.#firstOf(now);
    const seconds = (nowMs - first.ms) / 1000;
    const hasRate = nowMs - first.ms >= SPAN_MS_MIN;
    const left = this.#workLeft(now.work);
    const workPerSecond = (now.work - first.work) / seconds;
    return {
      progress: this.#progress,
      elapsedMs: nowMs - this.#startMs,
      bytesPerSecond: hasRate ? Math.max(0, now.bytes - first.bytes) / seconds : undefined,
      fraction: left === undefined ? undefined : fractionOf(now.work, left),
      leftMs:
        hasRate && left !== undefined && workPerSecond > 0
          ? (left / workPerSecond) * 1000
          : undefined,
      standstill: this.#standstillAt(nowMs),
    };
  }

  /** The oldest sample of the window; notes `now` if it is time. */
  #firstOf(now: Sample): Sample {
    const samples = this.#samples;
    const last = samples.at(-1);
    if (last === undefined || now.ms - last.ms >= SAMPLE_MS) samples.push(now);
    while (samples.length > 1 && now.ms - (samples[0]?.ms ?? 0) > WINDOW_MS) samples.shift();
    return samples[0] ?? now;
  }

  #sample(ms: number): Sample {
    const { bytes, files } = this.#progress;
    return { ms, bytes, work: bytes + files * FILE_WORK_BYTES };
  }

  /** Undefined while more may be found. */
  #workLeft(done: number): number | undefined {
    const { files, bytes, isComplete } = this.#progress.expected;
    return isComplete ? Math.max(0, bytes + files * FILE_WORK_BYTES - done) : undefined;
  }

  /** Over as soon as anything arrives. */
  #standstillAt(nowMs: number): Standstill | undefined {
    const pause = this.#pause;
    if (pause === undefined || pause.bytes !== this.#progress.bytes) return undefined;
    if (nowMs - pause.sinceMs < STILL_MS_MIN) return undefined;
    return { reason: pause.reason, leftMs: Math.max(0, pause.untilMs - nowMs) };
  }
}

function fractionOf(done: number, left: number): number | undefined {
  return done + left === 0 ? undefined : done / (done + left);
}
