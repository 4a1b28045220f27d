/** Time as the layers see it: injected, so that tests and replays are deterministic. */
export interface Clock {
  /** Milliseconds since the Unix epoch, an integer. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
