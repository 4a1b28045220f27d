import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk } from '../../format/manifest.ts';
import { Presence } from './presence.ts';

function chunk(number: number): Chunk {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, number);
  return { offset: 0, length: 1, checksum: 0, digest };
}

function numberOf(digest: Uint8Array): number {
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

test('Presence lets each chunk that the server lacks be sent once, and no other', async () => {
  const bodies = fc.array(fc.array(fc.nat(40), { maxLength: 20 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(bodies, fc.func(fc.boolean()), async (numbers, hasChunk) => {
      const presence = new Presence(async (digests) => {
        await new Promise(setImmediate);
        return [...digests.keys()].filter(
          (index) => !hasChunk(numberOf(digests[index] ?? new Uint8Array(4))),
        );
      });
      const sent = await Promise.all(
        numbers.map(async (body) => {
          const chunks = body.map(chunk);
          return (await presence.lacking(chunks)).map((index) => body[index] ?? -1);
        }),
      );
      const expected = [...new Set(numbers.flat())].filter((number) => !hasChunk(number));
      assert.deepEqual(
        sent.flat().sort((a, b) => a - b),
        expected.sort((a, b) => a - b),
      );
    }),
  );
});

test('Presence asks together what comes up while questions are on the way', async () => {
  const asked: number[] = [];
  const answers: (() => void)[] = [];
  const presence = new Presence((digests) => {
    asked.push(digests.length);
    return new Promise((resolve) => answers.push(() => resolve([])));
  });
  const count = 50;
  const lacking = Array.from({ length: count }, (_, index) => presence.lacking([chunk(index)]));
  const { missingQuestionsInFlight } = LIMITS;
  assert.deepEqual(
    asked,
    Array.from({ length: missingQuestionsInFlight }, () => 1),
  );
  answers[0]?.();
  await lacking[0];
  await new Promise(setImmediate);
  assert.deepEqual(asked.slice(missingQuestionsInFlight), [count - missingQuestionsInFlight]);
  for (const answer of answers) answer();
  await Promise.all(lacking);
});

test('Presence asks nothing while there is enough to send, and then once for all', async () => {
  const asked: number[] = [];
  let sending = 0;
  const ask = (digests: readonly Uint8Array[]): Promise<number[]> => {
    asked.push(digests.length);
    return Promise.resolve([...digests.keys()]);
  };
  const presence = new Presence(ask, () => sending >= 2);
  const first = [1, 2].map((number) => presence.lacking([chunk(number)]));
  assert.deepEqual(asked, [1, 1]);
  await Promise.all(first);
  sending = 2;
  const rest = [3, 4, 5].map((number) => presence.lacking([chunk(number)]));
  await new Promise(setImmediate);
  presence.askOn();
  assert.deepEqual(asked, [1, 1]);
  sending = 1;
  presence.askOn();
  assert.deepEqual(asked, [1, 1, 3]);
  assert.deepEqual(await Promise.all(rest), [[0], [0], [0]]);
});

test('Presence never asks for more digests at once than a question may have', async () => {
  const asked: number[] = [];
  const presence = new Presence(async (digests) => {
    asked.push(digests.length);
    await new Promise(setImmediate);
    return [];
  });
  const size = Math.floor(LIMITS.missingDigestsMax / 3);
  const bodies = Array.from({ length: 12 }, (_, body) =>
    Array.from({ length: size }, (_unused, index) => chunk(body * size + index)),
  );
  await Promise.all(bodies.map((chunks) => presence.lacking(chunks)));
  assert.equal(
    asked.reduce((sum, count) => sum + count, 0),
    12 * size,
  );
  assert(Math.max(...asked) <= LIMITS.missingDigestsMax);
});

test('Presence gives a failure to all who asked with that question', async () => {
  const presence = new Presence(async () => {
    throw new Error('unplugged');
  });
  const lacking = [1, 2, 3, 4, 5].map((number) => presence.lacking([chunk(number)]));
  for (const each of lacking) await assert.rejects(each, /unplugged/);
});
