import { setTimeout as delay } from 'node:timers/promises';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Wait } from './flow/flow-options.ts';

/** Where a server said how long to wait, in seconds (RFC 9110 section 10.2.3). */
export const RETRY_AFTER = 'retryAfterSeconds';

/** In the details of an error: how often it was tried until there was no patience left. */
const ATTEMPTS = 'attempts';

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** No more attempts, and no more pauses, once this is aborted: the last error stands. */
  readonly end?: AbortSignal | undefined;
  /** Attempts beside the first. Absent: as many as the patience lasts for. */
  readonly retriesMax?: number | undefined;
  /** Milliseconds from the first failure on after which no more attempt is made; asked each time. */
  readonly patienceMs?: (() => number) | undefined;
  readonly onWait?: ((wait: Wait) => void) | undefined;
  readonly pauses?: Pauses | undefined;
}

/** Time and chance. */
export interface Pauses {
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  /** From 0 up to, not including, 1. */
  random(): number;
  /** Throws when the signal is aborted. */
  pause(durationMs: number, signal: AbortSignal | undefined): Promise<void>;
}

const realPauses: Pauses = {
  nowMs: () => performance.now(),
  random: () => Math.random(),
  pause: (durationMs, signal) =>
    delay(durationMs, undefined, signal === undefined ? {} : { signal }),
};

/**
 * Runs `attempt` until it succeeds, fails with an error that the table does not let retry, or there
 * is no patience left; that error says how long it was tried. Waits longer each time, with jitter,
 * so that many clients of a restarted server do not come back at once.
 */
export async function withRetry<T>(
  attempt: (retries: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { signal, end, onWait, pauses = realPauses, retriesMax = Infinity } = options;
  const patienceMs = options.patienceMs ?? (() => LIMITS.retryPatienceMs);
  let firstFailureMs: number | undefined;
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt(retries);
    } catch (error) {
      if (!(error instanceof GdpfsError) || !error.traits.retry || isGivenUp(error)) throw error;
      if (end?.aborted === true) throw error;
      const nowMs = pauses.nowMs();
      firstFailureMs ??= nowMs;
      const retryInMs = retryDelayMs(retries, error, pauses.random());
      const triedMs = nowMs - firstFailureMs;
      if (retries === retriesMax || triedMs + retryInMs > patienceMs()) {
        throw givenUp(error, retries + 1, triedMs);
      }
      onWait?.({ reason: error, retryInMs, attempt: retries + 2 });
      await pauses.pause(retryInMs, eitherOf(signal, end)).catch((reason: unknown) => {
        throw end?.aborted === true ? error : reason;
      });
    }
  }
}

function eitherOf(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}

/** Milliseconds before the retry number `retries` (0-based). `random` is from 0 up to 1. */
export function retryDelayMs(retries: number, error: GdpfsError, random: number): number {
  const backoffMs = Math.min(LIMITS.retryDelayMsMin * 2 ** retries, LIMITS.retryDelayMsMax);
  const jitteredMs = backoffMs * (0.5 + random / 2);
  const askedSeconds = error.details[RETRY_AFTER];
  const askedMs = typeof askedSeconds === 'number' ? askedSeconds * 1000 : 0;
  return Math.max(jitteredMs, Math.min(askedMs, LIMITS.retryAfterMsMax));
}

/** Did a retry within this one run out of patience? */
function isGivenUp(error: GdpfsError): boolean {
  return error.details[ATTEMPTS] !== undefined;
}

function givenUp(error: GdpfsError, attempts: number, triedMs: number): GdpfsError {
  if (attempts === 1) return error;
  const seconds = Math.round(triedMs / 1000);
  return new GdpfsError(
    error.code,
    `${error.message} (${attempts} attempts in ${seconds === 0 ? 'less than 1' : seconds} s)`,
    {
      cause: error,
      details: { ...error.details, [ATTEMPTS]: attempts },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  );
}
