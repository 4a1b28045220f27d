import assert from 'node:assert/strict';
import { type ErrorCode, isGdpfsError } from '../../src/base/errors.ts';

/** What is awaited fails with this code, and with a message like that. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: ErrorCode,
  pattern = /./,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert(isGdpfsError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
}
