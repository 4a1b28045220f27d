import { isGdpfsError } from '../../base/errors.ts';
import type { Completion, PathFault } from './concurrency-control.ts';

/** How many may pass a gate at once: a number that what passes may change. */
export interface GateControl {
  readonly limit: number;
  /** Given back with a fault. */
  readonly epoch: number;
  completed(completion: Completion): void;
  faulted(fault: PathFault, epoch: number): void;
}

/** Always the same number. */
export function fixedControl(limit: number): GateControl {
  return { limit, epoch: 0, completed: () => {}, faulted: () => {} };
}

/** Lets as many exchanges pass at once as its control says; the others wait in order. */
export class ExchangeGate {
  readonly #control: GateControl;
  /** Each enters when it is called, and is counted in `#inside` already. */
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(control: GateControl) {
    this.#control = control;
  }

  /** Runs `exchange` when its turn has come. Throws the signal's reason if that is aborted before. */
  async pass<T>(exchange: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#inside < this.#control.limit) this.#inside += 1;
    else await this.#turn(signal);
    const { epoch } = this.#control;
    try {
      const result = await exchange();
      const isLimited = this.#inside >= this.#control.limit;
      this.#control.completed({ nowMs: performance.now(), isLimited });
      return result;
    } catch (error) {
      const fault = faultOf(error);
      if (fault !== undefined) this.#control.faulted(fault, epoch);
      throw error;
    } finally {
      this.#inside -= 1;
      this.#admit();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = (): void => {
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(enter), 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting.push(enter);
    return promise;
  }

  #admit(): void {
    while (this.#inside < this.#control.limit) {
      const enter = this.#waiting.shift();
      if (enter === undefined) return;
      this.#inside += 1;
      enter();
    }
  }
}

function faultOf(error: unknown): PathFault | undefined {
  if (isGdpfsError(error, 'busy')) return 'overload';
  if (isGdpfsError(error, 'unavailable')) return 'lost';
  return undefined;
}
