import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes } from '../base/bytes.ts';
import { PromptRequest } from './prompt-request.ts';

/** Has a server read each body with `read`, on one connection; resolves with what it made of them. */
async function reading<T>(
  bodies: readonly (readonly Uint8Array[])[],
  read: (request: IncomingMessage) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  // The connection stays, however long it waits for the next body.
  const options = { IncomingMessage: PromptRequest, keepAliveTimeout: 0 };
  const server = createServer(options, (incoming, response) => {
    void read(incoming).then((result) => {
      results.push(result);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  try {
    for (const body of bodies) {
      const outgoing = request({ agent, port, host: '127.0.0.1', method: 'POST' });
      for (const piece of body) {
        outgoing.write(piece);
        await turn();
      }
      outgoing.end();
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
    }
    return results;
  } finally {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  }
}

const anyBody = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200_000, size: 'max' }), {
  maxLength: 5,
});

test('a request that is paused again and again delivers its body in order, nothing while paused', async () => {
  await fc.assert(
    fc.asyncProperty(anyBody, fc.array(fc.boolean(), { minLength: 1 }), async (body, pauses) => {
      const read = async (incoming: IncomingMessage): Promise<Uint8Array> => {
        const pieces: Uint8Array[] = [];
        incoming.on('data', (piece: Uint8Array) => {
          assert(!incoming.isPaused());
          pieces.push(piece.slice());
          if (pauses[pieces.length % pauses.length] !== true) return;
          incoming.pause();
          void turn().then(() => incoming.resume());
        });
        await once(incoming, 'end');
        return concatBytes(pieces);
      };
      const [received] = await reading([body], read);
      assert.deepEqual(received, concatBytes(body));
    }),
    { numRuns: 20 },
  );
});

test('a request whose body nobody listens to until late loses nothing, and the next one comes', async () => {
  const read = async (incoming: IncomingMessage): Promise<number> => {
    await turn();
    await turn();
    let length = 0;
    for await (const piece of incoming) length += (piece as Uint8Array).length;
    return length;
  };
  const body = [new Uint8Array(300_000), new Uint8Array(300_000)];
  assert.deepEqual(await reading([body, [], body], read), [600_000, 0, 600_000]);
});
