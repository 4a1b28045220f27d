import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8Encode } from '../base/bytes.ts';
import { ERRORS, type ErrorCode, GdpfsError } from '../base/errors.ts';
import { decodeProblem, encodeProblem } from './problem.ts';

function roundTrip(error: GdpfsError): GdpfsError {
  const problem = encodeProblem(error);
  return decodeProblem(problem.status, utf8Encode(JSON.stringify(problem)));
}

for (const code of Object.keys(ERRORS) as ErrorCode[]) {
  test(`decodeProblem() restores ${code}`, () => {
    const error = new GdpfsError(code, 'cannot do "it": no', {
      hint: 'try that',
      details: { missing: ['a'], offset: 3 },
    });
    const restored = roundTrip(error);
    assert.equal(encodeProblem(error).status, ERRORS[code].status);
    assert.equal(restored.code, code);
    assert.equal(restored.message, error.message);
    assert.equal(restored.hint, 'try that');
    assert.deepEqual(restored.details, { missing: ['a'], offset: 3 });
  });
}

test('encodeProblem() does not let details replace the standard members', () => {
  const details = { status: 200, code: 'internal', type: 'x', detail: 'y', title: 'z' };
  const problem = encodeProblem(new GdpfsError('exists', 'cannot', { details }));
  assert.deepEqual(problem, {
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    code: 'exists',
    detail: 'cannot',
  });
});

test('encodeProblem() leaves the cause out', () => {
  const error = new GdpfsError('internal', 'cannot', { cause: new Error('secret path') });
  assert.ok(!JSON.stringify(encodeProblem(error)).includes('secret'));
});

for (const body of [
  '',
  '<html>',
  '[]',
  'null',
  '{"code":"nonsense","detail":"x"}',
  '{"code":"exists"}',
]) {
  test(`decodeProblem() takes ${JSON.stringify(body)} for something in between`, () => {
    assert.equal(decodeProblem(502, utf8Encode(body)).code, 'unavailable');
  });
}

test('decodeProblem() takes a refusal that is not ours for final, and what passes for passing', () => {
  for (const status of [400, 403, 404, 413, 414, 431, 495, 499]) {
    const error = decodeProblem(status, utf8Encode('<html>'));
    assert.deepEqual([error.code, error.traits.retry], ['bad_request', false], String(status));
    assert.match(error.message, new RegExp(`status ${status} without`));
  }
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
    assert.equal(decodeProblem(status, utf8Encode('<html>')).code, 'unavailable', String(status));
  }
});
