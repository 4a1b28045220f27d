import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { GdpfsError } from '../../base/errors.ts';
import type { ApiAnswer, ApiRequest, Session } from '../session.ts';
import { heldSession } from './held-session.ts';

const ANSWER: ApiAnswer = { headers: {}, body: new Uint8Array(1), bodyBytes: 1 };
const question: ApiRequest = { method: 'GET', route: '/api/v1/files' };

/** A session that answers at once, or throws `fault`, and what it was asked. */
function answering(fault?: Error): { readonly session: Session; readonly asked: ApiRequest[] } {
  const asked: ApiRequest[] = [];
  const session: Session = {
    url: 'https://example.org',
    hasChanged: false,
    request: (request) => {
      asked.push(request);
      return fault === undefined ? Promise.resolve(ANSWER) : Promise.reject(fault);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { session, asked };
}

test('a question is sent at once, and its answer held back until the volume is trusted', async () => {
  const { session, asked } = answering();
  const trusted = Promise.withResolvers<void>();
  let answer: ApiAnswer | undefined;
  const answered = heldSession(session, trusted.promise)
    .request(question)
    .then((given) => (answer = given));
  await turn();
  assert.deepEqual([asked, answer], [[question], undefined]);
  trusted.resolve();
  await answered;
  assert.equal(answer, ANSWER);
});

test('what changes something, or hands out a body as it comes, is not sent before', async () => {
  for (const request of [
    { ...question, changes: true },
    { method: 'POST', route: '/api/v1/storage/tar' },
    { ...question, into: [new Uint8Array(1)] },
    { ...question, onData: () => undefined },
  ] as const) {
    const { session, asked } = answering();
    const trusted = Promise.withResolvers<void>();
    const answered = heldSession(session, trusted.promise).request(request);
    await turn();
    assert.deepEqual(asked, []);
    trusted.resolve();
    assert.equal(await answered, ANSWER);
    assert.deepEqual(asked, [request]);
  }
});

test('where the volume is not trusted nothing is answered and nothing changed, whatever the server says', async () => {
  const refusal = new GdpfsError('untrusted', 'cannot use volume "v"');
  for (const fault of [undefined, new GdpfsError('not_found', 'cannot find "x"')]) {
    const { session, asked } = answering(fault);
    const held = heldSession(session, Promise.reject(refusal));
    await assert.rejects(held.request(question), refusal);
    await assert.rejects(held.request({ ...question, method: 'POST', changes: true }), refusal);
    assert.deepEqual(asked, [question]);
  }
});

test('a question that fails throws what the server says, once the volume is trusted', async () => {
  const fault = new GdpfsError('not_found', 'cannot find "x"');
  const { session } = answering(fault);
  await assert.rejects(heldSession(session, Promise.resolve()).request(question), fault);
});
