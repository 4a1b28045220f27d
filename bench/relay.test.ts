import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { openRelayLink } from './relay.ts';

/** Sends back in one piece what it got, once it has got everything. */
async function startEcho(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    void buffer(socket).then((bytes) => socket.end(bytes));
  }).listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  return { port, [Symbol.asyncDispose]: stop };
}

suite('openRelayLink()', () => {
  for (const delayMs of [0, 1]) {
    test(`passes on every byte and both ends, and counts them, with a delay of ${delayMs} ms`, async () => {
      const sent = randomBytes(5_000_001);
      await using echo = await startEcho();
      await using link = openRelayLink(delayMs);
      const socket = connect({ ...(await link.open(echo.port)), allowHalfOpen: true });
      socket.end(sent);
      assert.deepEqual(await buffer(socket), sent);
      assert.deepEqual(link.counts, { up: sent.length, down: sent.length });
    });
  }

  test('lets the other side know when one is cut off', async () => {
    const server = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const link = openRelayLink(0);
    const socket = connect(await link.open((server.address() as AddressInfo).port));
    const [peer] = (await once(server, 'connection')) as [Socket];
    peer.destroy();
    socket.resume();
    await once(socket, 'close');
    await link[Symbol.asyncDispose]();
    server.close();
  });
});
