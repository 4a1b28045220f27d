import type { ServerResponse } from 'node:http';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** The right to be the next to change a volume; given back when it is disposed of, once or more. */
export interface Turn extends Disposable {
  readonly isOver: boolean;
  /** From now on it is given back when it was not used for so long. */
  expire(afterMs: number): void;
}

interface Waiting {
  readonly enter: (turn: Turn) => void;
  readonly refuse: (error: GdpfsError) => void;
}

/**
 * Lets one change of each volume at a time be prepared, checked by its signer and made, in the order
 * in which they came: otherwise all but one of those under way would have to be prepared again.
 */
export class SigningTurns {
  /** Those who wait, of each volume whose turn somebody has. */
  readonly #waiting = new Map<string, Waiting[]>();
  #isClosed = false;

  /** Throws `busy` when too many wait, `unavailable` if the client goes away or the server stops. */
  async take(volume: string, response: ServerResponse): Promise<Turn> {
    if (this.#isClosed) throw stopping();
    const waiting = this.#waiting.get(volume);
    if (waiting === undefined) {
      this.#waiting.set(volume, []);
      return this.#turn(volume);
    }
    if (waiting.length >= LIMITS.preparesWaitingMax) {
      throw new GdpfsError('busy', 'cannot prepare change: too many wait for their signatures');
    }
    return await new Promise<Turn>((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(entry), 1);
        reject(clientGone());
      };
      const settle = (): void => void response.off('close', leave);
      const entry: Waiting = {
        enter: (turn) => {
          settle();
          resolve(turn);
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      response.once('close', leave);
      waiting.push(entry);
    });
  }

  /** Nobody waits any more. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.values()) {
      for (const { refuse } of waiting.splice(0)) refuse(stopping());
    }
  }

  #turn(volume: string): Turn {
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#pass(volume);
    };
    return {
      get isOver() {
        return isOver;
      },
      expire(afterMs) {
        clearTimeout(timer);
        timer = setTimeout(end, afterMs).unref();
      },
      [Symbol.dispose]: end,
    };
  }

  #pass(volume: string): void {
    const next = this.#waiting.get(volume)?.shift();
    if (next === undefined) this.#waiting.delete(volume);
    else next.enter(this.#turn(volume));
  }
}

export function clientGone(): GdpfsError {
  return new GdpfsError('unavailable', 'cannot prepare change: the client went away');
}

function stopping(): GdpfsError {
  return new GdpfsError('unavailable', 'cannot prepare change: the server is stopping');
}
