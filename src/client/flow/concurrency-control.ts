import { assert } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';

/** What became of an exchange that failed. Others say nothing about the path. */
export type PathFault =
  /** The server had too much to do. */
  | 'overload'
  /** No answer came. */
  | 'lost';

/** An exchange that ended well. */
export interface Completion {
  readonly nowMs: number;
  /** Were as many under way as the limit lets? Otherwise more of them could not have helped. */
  readonly isLimited: boolean;
}

/** Steps of the limit, about half as much again each. */
const LADDER = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32].filter(
  (step) => step >= LIMITS.dataExchangesMin && step <= LIMITS.dataExchangesMax,
);

/** Shortest measurement. */
const WINDOW_MS = 250;
/** A measurement is of this many completions for each exchange that may be under way. */
const WINDOW_ROUNDS = 2;
/** Measurements between two trials; twice as many after each that failed. */
const REST_WINDOWS_MIN = 4;
const REST_WINDOWS_MAX = 16;
/** Measurements until a limit is tried again at which the server had too much to do. */
const CEILING_WINDOWS = 32;
/** A higher limit must give this much more, a lower one may give this much less. */
const GAIN_MIN = 1.05;
const LOSS_MAX = 0.97;

type Phase = 'climb' | 'rest' | 'up' | 'down';

/**
 * Finds how many exchanges with large bodies should be under way at once: the fewest that give the
 * most. Climbs the ladder while each step gives more, then goes down while that costs nothing; then
 * rests and now and again tries the step above and the one below. Faults halve the limit. It is a state machine over what exchanges do:
 * it has no clock and no timer, and what it has not measured it does not decide.
 */
export class ConcurrencyControl {
  /** Number of steps that may be used. */
  readonly #stepsMax: number;
  #step: number;
  #phase: Phase = 'climb';
  /** Where a failed trial goes back to. */
  #base: { readonly step: number; readonly goodput: number } | undefined;
  #restWindows = REST_WINDOWS_MIN;
  #restLeft = 0;
  /** What the next trial is. */
  #next: 'up' | 'down' = 'up';
  /** Steps from here on were too much for the server. */
  #ceiling: number;
  #ceilingLeft = 0;
  #epoch = 0;
  #window = newWindow(0, 1);

  /** Begins with `start`, at most; `limitMax` narrows the upper bound. */
  constructor(start: number, limitMax: number = LIMITS.dataExchangesMax) {
    this.#step = Math.max(
      0,
      LADDER.findLastIndex((limit) => limit <= Math.min(start, limitMax)),
    );
    this.#stepsMax = Math.max(1, LADDER.filter((limit) => limit <= limitMax).length);
    this.#ceiling = this.#stepsMax;
  }

  get limit(): number {
    return limitOf(this.#step);
  }

  /** To be remembered when an exchange starts, for its fault. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Bytes of bodies crossed. Counted as they do, since exchanges tend to end several at a time. */
  moved(bytes: number): void {
    this.#window.bytes += bytes;
  }

  completed({ nowMs, isLimited }: Completion): void {
    const window = this.#window;
    if (window.settling > 0) {
      window.settling -= 1;
      window.startMs = nowMs;
      window.bytes = 0;
      return;
    }
    window.completions += 1;
    if (isLimited) window.limited += 1;
    const durationMs = nowMs - window.startMs;
    if (window.completions < WINDOW_ROUNDS * this.limit || durationMs < WINDOW_MS) return;
    const isUsed = window.limited * 2 >= window.completions;
    if (isUsed || this.#isTrialUp) this.#decide(window.bytes / durationMs);
    else this.#abandonTrial();
    if (this.#window === window) this.#window = newWindow(nowMs, 0);
  }

  /** Of an exchange that began in `epoch`: those that began before the last fault count with it. */
  faulted(fault: PathFault, epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#epoch += 1;
    if (fault === 'overload') {
      this.#ceiling = Math.max(this.#step, 1);
      this.#ceilingLeft = CEILING_WINDOWS;
    }
    const half = this.limit / 2;
    const lower = LADDER.findLastIndex((limit) => limit <= half);
    this.#base = undefined;
    this.#phase = 'climb';
    this.#moveTo(Math.max(0, lower));
  }

  /**
   * Was a step up taken, from one that was used? Then it counts what that gives, even if there is not
   * enough to do for all of it: else it would never be measured, and would stay.
   */
  get #isTrialUp(): boolean {
    return this.#base !== undefined && (this.#phase === 'climb' || this.#phase === 'up');
  }

  #decide(goodput: number): void {
    this.#forgetCeiling();
    const base = this.#base ?? { step: this.#step, goodput: 0 };
    if (this.#phase === 'rest') {
      // The newer the measurement the more it counts: paths change.
      this.#base = { step: this.#step, goodput: (base.goodput + goodput) / 2 };
      this.#restLeft -= 1;
      if (this.#restLeft <= 0) this.#try(this.#next);
      return;
    }
    const isUp = this.#phase !== 'down';
    if (goodput >= base.goodput * (isUp ? GAIN_MIN : LOSS_MAX)) {
      // Going down, all steps together may give that much less, not each of them.
      this.#base = { step: this.#step, goodput: isUp ? goodput : Math.max(goodput, base.goodput) };
      this.#restWindows = REST_WINDOWS_MIN;
      this.#try(isUp ? this.#phase : 'down');
    } else if (this.#phase === 'climb') {
      // Fewer than at the beginning may do as well: what is not needed only drives data out of caches.
      this.#step = base.step;
      this.#try('down');
    } else {
      this.#restWindows = Math.min(2 * this.#restWindows, REST_WINDOWS_MAX);
      this.#next = isUp ? 'down' : 'up';
      this.#rest(base.step);
    }
  }

  /** Goes a step in the direction, if there is one. */
  #try(phase: Exclude<Phase, 'rest'>): void {
    const step = this.#step + (phase === 'down' ? -1 : 1);
    if (step < 0 || step >= this.#ceiling) {
      this.#next = phase === 'down' ? 'up' : 'down';
      this.#rest(this.#step);
      return;
    }
    this.#phase = phase;
    this.#moveTo(step);
  }

  #rest(step: number): void {
    this.#phase = 'rest';
    this.#restLeft = this.#restWindows;
    if (step !== this.#step) this.#moveTo(step);
  }

  /** There is not enough to do to measure anything. */
  #abandonTrial(): void {
    if (this.#phase === 'down') this.#rest(this.#base?.step ?? this.#step);
  }

  #forgetCeiling(): void {
    if (this.#ceilingLeft === 0) return;
    this.#ceilingLeft -= 1;
    if (this.#ceilingLeft === 0) this.#ceiling = this.#stepsMax;
  }

  #moveTo(step: number): void {
    // What is under way now was started under another limit.
    const settling = this.limit;
    this.#step = step;
    this.#window = newWindow(0, settling);
  }
}

interface Window {
  startMs: number;
  bytes: number;
  completions: number;
  /** Of them, while no more might be under way. */
  limited: number;
  /** Completions to pass before it begins. */
  settling: number;
}

/** The first one begins with the first completion. */
function newWindow(startMs: number, settling: number): Window {
  return { startMs, bytes: 0, completions: 0, limited: 0, settling };
}

function limitOf(step: number): number {
  const limit = LADDER[step];
  assert(limit !== undefined, 'the step is on the ladder');
  return limit;
}
