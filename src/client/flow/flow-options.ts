import type { GdpfsError } from '../../base/errors.ts';

/** How a session uses the network, and whom it tells when that takes patience. */
export interface FlowOptions {
  /** Bytes of bodies a second, sent and received together. Absent: as fast as it goes. */
  readonly bytesPerSecond?: number | undefined;
  /**
   * An exchange that makes no progress for this many milliseconds is cut, and sent again if the
   * error table lets it. A slow one that moves is never cut. `LIMITS.requestStallMs` if absent.
   */
  readonly stallMs?: number | undefined;
  /** Called before each pause after which a request is sent again. */
  readonly onWait?: ((wait: Wait) => void) | undefined;
  /** Called with what the user should know and what does not stop the work: one line, no full stop. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Why a request does not go on at once. */
export interface Wait {
  /** What the server answered, or what became of the connection. */
  readonly reason: GdpfsError;
  readonly retryInMs: number;
  /** Of the attempt that comes after the pause: 2 for the first repetition. */
  readonly attempt: number;
}
