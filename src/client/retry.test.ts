import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { ERRORS, type ErrorCode, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Wait } from './flow/flow-options.ts';
import { type Pauses, RETRY_AFTER, retryDelayMs, withRetry } from './retry.ts';

/** A clock that moves by pauses alone. */
class FakePauses implements Pauses {
  readonly durationsMs: number[] = [];
  readonly #random: () => number;
  #nowMs = 0;

  constructor(random: () => number = () => 0) {
    this.#random = random;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.#random();
  }

  async pause(durationMs: number): Promise<void> {
    this.durationsMs.push(durationMs);
    this.pass(durationMs);
  }

  pass(durationMs: number): void {
    this.#nowMs += durationMs;
  }
}

function failure(code: ErrorCode, details: Record<string, unknown> = {}): GdpfsError {
  return new GdpfsError(code, 'cannot do it: for a test', { details });
}

test('withRetry() tries again exactly what the error table lets retry', async () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    let attempts = 0;
    const attempt = async (): Promise<string> => {
      attempts += 1;
      if (attempts === 1) throw failure(code);
      return 'done';
    };
    const result = withRetry(attempt, { pauses: new FakePauses() });
    if (ERRORS[code].retry) assert.equal(await result, 'done');
    else await assert.rejects(result, { code });
    assert.equal(attempts, ERRORS[code].retry ? 2 : 1, code);
  }
});

test('withRetry() does not touch what is not an error of the table', async () => {
  let attempts = 0;
  const result = withRetry(async () => {
    attempts += 1;
    throw new TypeError('bug');
  });
  await assert.rejects(result, TypeError);
  assert.equal(attempts, 1);
});

test('withRetry() ends its pause when it is aborted', async () => {
  const controller = new AbortController();
  const result = withRetry(async () => {
    controller.abort();
    throw failure('busy');
  }, controller);
  await assert.rejects(result, { name: 'AbortError' });
});

test('withRetry() survives an outage of a minute and a half, whatever chance says', async () => {
  const outageMs = 90_000;
  const chance = fc.double({ min: 0, max: 0.999, noNaN: true });
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(chance), async (random) => {
      const pauses = new FakePauses(() => random.next().value);
      const attempt = async (): Promise<string> => {
        if (pauses.nowMs() < outageMs) throw failure('unavailable');
        return 'done';
      };
      assert.equal(await withRetry(attempt, { pauses }), 'done');
    }),
  );
});

test('withRetry() gives up when its patience is over and says how long it tried', async () => {
  const pauses = new FakePauses();
  let attempts = 0;
  const result = withRetry(
    async () => {
      attempts += 1;
      pauses.pass(1000);
      throw failure('unavailable');
    },
    { pauses },
  );
  await assert.rejects(result, (error) => {
    assert(error instanceof GdpfsError);
    assert.equal(error.code, 'unavailable');
    const [, said, seconds] =
      /^cannot do it: for a test \((\d+) attempts in (\d+) s\)$/.exec(error.message) ?? [];
    assert.equal(Number(said), attempts);
    assert(Number(seconds) * 1000 > LIMITS.retryPatienceMs - LIMITS.retryDelayMsMax);
    return true;
  });
  assert(pauses.nowMs() <= LIMITS.retryPatienceMs + 1000);
});

test('withRetry() does not repeat what was repeated inside until it was given up', async () => {
  const pauses = new FakePauses();
  let attempts = 0;
  const inner = (): Promise<never> =>
    withRetry(
      async () => {
        attempts += 1;
        throw failure('unavailable');
      },
      { pauses, retriesMax: 3 },
    );
  await assert.rejects(withRetry(inner, { pauses }), /\(4 attempts in/);
  assert.equal(attempts, 4);
});

test('withRetry() tells why and for how long it waits, before it does', async () => {
  const pauses = new FakePauses();
  const waits: Wait[] = [];
  let attempts = 0;
  await withRetry(
    async () => {
      attempts += 1;
      if (attempts < 3) throw failure('busy', { [RETRY_AFTER]: attempts });
    },
    { pauses, onWait: (wait) => waits.push(wait) },
  );
  assert.deepEqual(
    waits.map(({ reason, retryInMs, attempt }) => [reason.code, retryInMs, attempt]),
    [
      ['busy', 1000, 2],
      ['busy', 2000, 3],
    ],
  );
  assert.deepEqual(pauses.durationsMs, [1000, 2000]);
});

test('retryDelayMs() grows, has jitter, honors the server and has a limit', () => {
  const details = fc.record(
    { [RETRY_AFTER]: fc.integer({ min: 0, max: 3600 }) },
    { requiredKeys: [] },
  );
  const chance = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(fc.nat(60), details, chance, (retries, given, random) => {
      const delayMs = retryDelayMs(retries, failure('busy', given), random);
      const backoffMs = Math.min(LIMITS.retryDelayMsMin * 2 ** retries, LIMITS.retryDelayMsMax);
      const askedMs = Math.min((given[RETRY_AFTER] ?? 0) * 1000, LIMITS.retryAfterMsMax);
      assert(delayMs >= Math.max(backoffMs / 2, askedMs));
      assert(delayMs <= Math.max(backoffMs, askedMs));
    }),
  );
});
