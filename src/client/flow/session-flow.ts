import { LIMITS } from '../../base/limits.ts';
import { ConcurrencyControl } from './concurrency-control.ts';
import { ExchangeGate, fixedControl } from './exchange-gate.ts';

/** What decides where an exchange waits. */
export interface ExchangeSize {
  readonly body?: Uint8Array | undefined;
  /** Is a large response expected? */
  readonly isDownload: boolean;
}

/** The way that an exchange takes. */
export interface Lane {
  readonly gate: ExchangeGate;
  readonly onMoved?: (bytes: number) => void;
}

/**
 * The lanes of one session: large bodies in each direction, as many at once as the path takes, and
 * everything else, which never waits for those.
 */
export class SessionFlow {
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #small: Lane = { gate: new ExchangeGate(fixedControl(LIMITS.smallExchangesMax)) };

  /** Without `bytesPerSecond` the bandwidth is that of the path. */
  constructor(bytesPerSecond = Infinity) {
    // Those that would only wait for their share of the bandwidth might seem to have stalled.
    const limitMax = Math.ceil(bytesPerSecond / LIMITS.bodyBytesTarget);
    this.#up = dataLane(LIMITS.uploadExchangesStart, limitMax);
    this.#down = dataLane(LIMITS.downloadExchangesStart, limitMax);
  }

  laneOf({ body, isDownload }: ExchangeSize): Lane {
    if (isDownload) return this.#down;
    return (body?.length ?? 0) > LIMITS.smallExchangeBytesMax ? this.#up : this.#small;
  }
}

function dataLane(start: number, limitMax: number): Lane {
  const control = new ConcurrencyControl(start, limitMax);
  return { gate: new ExchangeGate(control), onMoved: (bytes) => control.moved(bytes) };
}
