import { setTimeout as delay } from 'node:timers/promises';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** Where a server said how long to wait, in seconds (RFC 9110 section 10.2.3). */
export const RETRY_AFTER = 'retryAfterSeconds';

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Attempts beside the first. */
  readonly retriesMax?: number;
}

/**
 * Runs `attempt` until it succeeds, fails with an error that the table does not let retry, or has
 * failed `retriesMax` times more. Waits longer each time, with jitter, so that many clients of a
 * restarted server do not come back at once.
 */
export async function withRetry<T>(
  attempt: () => Promise<T>,
  { signal, retriesMax = LIMITS.retriesMax }: RetryOptions = {},
): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof GdpfsError) || !error.traits.retry) throw error;
      if (retries === retriesMax) throw error;
      await delay(retryDelayMs(retries, error), undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Milliseconds before the retry number `retries` (0-based). */
export function retryDelayMs(retries: number, error: GdpfsError): number {
  const backoffMs = Math.min(LIMITS.retryDelayMsMin * 2 ** retries, LIMITS.retryDelayMsMax);
  const jitteredMs = backoffMs * (0.5 + Math.random() / 2);
  const askedSeconds = error.details[RETRY_AFTER];
  const askedMs = typeof askedSeconds === 'number' ? askedSeconds * 1000 : 0;
  return Math.min(Math.max(jitteredMs, askedMs), LIMITS.retryDelayMsMax);
}
