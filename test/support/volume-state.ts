import assert from 'node:assert/strict';
import type { HttpAnswer, HttpClient } from './http-client.ts';

/** Everything that a volume shows: its tree and its checkpoint. Equal states: nothing changed. */
export async function volumeState(client: HttpClient, volume: string): Promise<unknown> {
  const query = { path: `/${volume}`, list: 'recursive', limit: 10_000 };
  const tree = await client.send('GET', '/api/v1/files', { query });
  assert.equal(tree.status, 200, tree.text);
  const checkpoint = await client.send('GET', `/api/v1/volumes/${volume}/checkpoint`);
  assert.equal(checkpoint.status, 200, checkpoint.text);
  return { tree: tree.json, checkpoint: checkpoint.text };
}

/** A refusal: its code, a proper problem document, and nothing changed in the volume. */
export async function assertRefused(
  client: HttpClient,
  expected: { readonly volume: string; readonly code: string; readonly status: number },
  send: () => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  const before = await volumeState(client, expected.volume);
  const answer = await send();
  assertProblem(answer, expected);
  assert.deepEqual(await volumeState(client, expected.volume), before, 'nothing changed');
  return answer;
}

export function assertProblem(
  answer: HttpAnswer,
  expected: { readonly code: string; readonly status: number },
): void {
  assert.equal(answer.code, expected.code, answer.text);
  assert.equal(answer.status, expected.status, answer.text);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  const problem = answer.json as Record<string, unknown>;
  assert.equal(problem['type'], 'about:blank');
  assert.equal(problem['status'], expected.status);
  assert.match(String(problem['detail']), /^cannot /);
  // Nothing of the inside: no stack, no file name.
  assert.doesNotMatch(answer.text, /\.[jt]s\b|\bat .*:\d|node:|\/tmp/);
}
