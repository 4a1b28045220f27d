import { Histogram } from '../../base/histogram.ts';
import { counter, type Family, histogram } from './families.ts';

/** How often it is looked; what is between two looks is not seen. */
const INTERVAL_MS = 500;
/** Seconds. */
const LAG_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How late the event loop is: what a timer waits for beyond its time, every request waits for too. */
export class LoopLag implements Disposable {
  readonly #lag = new Histogram(LAG_SECONDS);
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lag.observe(Math.max(0, nowMs - lastMs - INTERVAL_MS) / 1000);
      lastMs = nowMs;
    }, INTERVAL_MS).unref();
  }

  families(): Family[] {
    const busySeconds = performance.eventLoopUtilization().active / 1000;
    return [
      histogram('gdpfs_event_loop_lag_seconds', 'How late a timer of the server was.', [
        { histogram: this.#lag },
      ]),
      counter(
        'gdpfs_event_loop_busy_seconds',
        'Time in which the main thread had something to do: its rate is at most 1.',
        busySeconds,
      ),
    ];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
