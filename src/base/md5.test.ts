import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { sharedBytes } from './digest.ts';
import { Md5Stream } from './md5.ts';

async function md5(pieces: readonly Uint8Array[]): Promise<string> {
  await using stream = new Md5Stream();
  for (const piece of pieces) await stream.update(piece);
  return await stream.digest();
}

test('Md5Stream gives the sums of RFC 1321', async () => {
  assert.equal(await md5([]), 'd41d8cd98f00b204e9800998ecf8427e');
  assert.equal(
    await md5([Buffer.from('message '), Buffer.from('digest')]),
    'f96b697d7cb7938d525a2f31aaf161d0',
  );
});

test('Md5Stream does not mix streams that run at the same time', async () => {
  const streams = fc.array(fc.array(fc.uint8Array({ maxLength: 100 })), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(streams, async (contents) => {
      const sums = await Promise.all(contents.map(md5));
      const expected = contents.map((pieces) =>
        createHash('md5').update(Buffer.concat(pieces)).digest('hex'),
      );
      assert.deepEqual(sums, expected);
    }),
    { numRuns: 20 },
  );
});

test('Md5Stream.update() lets its bytes be used again once it resolves', async () => {
  const bytes = sharedBytes(64 * 1024);
  const sum = createHash('md5');
  await using stream = new Md5Stream();
  for (let round = 0; round < 50; round += 1) {
    bytes.fill(round);
    sum.update(bytes);
    await stream.update(bytes);
  }
  assert.equal(await stream.digest(), sum.digest('hex'));
});
