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
  readonly #up = dataLane();
  readonly #down = dataLane();
  readonly #small: Lane = { gate: new ExchangeGate(fixedControl(LIMITS.smallExchangesMax)) };

  laneOf({ body, isDownload }: ExchangeSize): Lane {
    if (isDownload) return this.#down;
    return (body?.length ?? 0) > LIMITS.smallExchangeBytesMax ? this.#up : this.#small;
  }
}

function dataLane(): Lane {
  const control = new ConcurrencyControl();
  return { gate: new ExchangeGate(control), onMoved: (bytes) => control.moved(bytes) };
}
