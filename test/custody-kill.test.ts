import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDirectory } from '../src/client/files.ts';
import { getVolume } from '../src/client/volumes.ts';
import { verifyVolume } from '../src/client/verify.ts';
import { createOwn, openWriter } from './support/own-volume.ts';
import { type ServerProcess, startServerAlone } from './support/server.ts';
import { startTestClient } from './support/session.ts';

/** A server that is killed between the preparation of a change and its answer. */

test('a server that is killed before or after it takes the signature makes the change once', async () => {
  let server: ServerProcess | undefined;
  await using client = await startTestClient(async (data) => {
    server = await startServerAlone(data);
    return server;
  });
  assert(server !== undefined);
  const { port } = new URL(server.url);
  const own = await createOwn(client, 'own');
  const before = (await getVolume(client.session, 'own')).count;
  await using stack = new AsyncDisposableStack();
  const restart = async (): Promise<void> => {
    await server?.kill();
    server = await startServerAlone(client.server.dataDirectory, ['--listen', `127.0.0.1:${port}`]);
    stack.use(server);
  };
  for (const moment of ['before', 'after'] as const) {
    await using writer = openWriter(client, own);
    const { request } = writer.wire;
    let kills = 0;
    writer.wire.request = async (sent) => {
      if (!sent.route.endsWith('/commits') || kills > 0) return await request(sent);
      kills += 1;
      if (moment === 'after') await request(sent);
      await restart();
      // The answer was lost: it is sent again.
      return await request(sent);
    };
    const entry = await makeDirectory(writer.session, `/own/killed-${moment}`);
    assert.deepEqual([kills, entry.name], [1, `killed-${moment}`]);
  }
  assert.equal((await getVolume(client.session, 'own')).count, before + 2);
  const report = await verifyVolume(client.session, { volume: 'own', data: true });
  assert.deepEqual(report.problems, []);
});
