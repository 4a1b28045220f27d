import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERRORS, type ErrorCode, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { RETRY_AFTER, retryDelayMs, withRetry } from './retry.ts';

test('withRetry() tries again exactly what the error table lets retry', async () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    let attempts = 0;
    const result = withRetry(async () => {
      attempts += 1;
      if (attempts === 1) throw new GdpfsError(code, 'cannot do it: for a test');
      return 'done';
    });
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
    throw new GdpfsError('busy', 'cannot do it: for a test');
  }, controller);
  await assert.rejects(result, { name: 'AbortError' });
});

test('retryDelayMs() grows, has jitter, honors the server and has a limit', () => {
  const details = fc.record(
    { [RETRY_AFTER]: fc.integer({ min: 0, max: 3600 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.nat(LIMITS.retriesMax), details, (retries, given) => {
      const error = new GdpfsError('busy', 'cannot do it: for a test', { details: given });
      const delayMs = retryDelayMs(retries, error);
      const backoffMs = Math.min(LIMITS.retryDelayMsMin * 2 ** retries, LIMITS.retryDelayMsMax);
      const askedMs = Math.min((given[RETRY_AFTER] ?? 0) * 1000, LIMITS.retryDelayMsMax);
      assert(delayMs >= Math.max(backoffMs / 2, askedMs));
      assert(delayMs <= Math.max(backoffMs, askedMs));
    }),
  );
});
