import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { createOwnVolume } from '../src/client/custody/new-volume.ts';
import { VolumeKeys } from '../src/client/custody/volume-keys.ts';
import type { Session } from '../src/client/session.ts';
import { decodePreparedCommit } from '../src/format/prepared-commit.ts';
import { readForeignLog } from '../src/fs/foreign-log.ts';
import { openFileSystem } from '../src/fs/open.ts';
import type { VolumeInfo } from '../src/fs/types.ts';
import { PreparedCommits } from '../src/server/prepared-commits.ts';
import type { CreateVolume } from '../src/wire/generated/api.ts';
import { temporaryDirectory } from './support/server.ts';

/** What nobody signs takes no memory for long, and nobody's turn. */

test('what is prepared and not signed gives back its turn first, and then all that it takes', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryDirectory()).path;
  const store = stack.use(
    await openFileSystem({
      directory: join(folder, 'store'),
      keysDirectory: join(folder, 'server-keys'),
      clock: systemClock,
      warn: () => undefined,
    }),
  );
  let volume: VolumeInfo | undefined;
  const creating = {
    request: async ({ json }: { json: CreateVolume }) => {
      const bytes = Buffer.from(json.commit ?? '', 'base64');
      const options = { chunking: 'fixed', chunkingKey: undefined, nowMs: Date.now() } as const;
      const foreign = readForeignLog(new Uint8Array(bytes), options);
      const init = { alias: 'own', owner: 'alice', chunking: 'fixed', foreign } as const;
      volume = await store.fs.createVolume(init, { author: 'alice' });
      const name = Buffer.from(volume.name).toString('base64url');
      return { headers: {}, body: Buffer.from(JSON.stringify({ name })), bodyBytes: 0 };
    },
  } as unknown as Session;
  const keys = new VolumeKeys(join(folder, 'keys'));
  await createOwnVolume(creating, keys, { name: 'own', custody: 'client' });
  assert(volume !== undefined);
  const own = volume;
  const prepared = new PreparedCommits<undefined>(store.signed);
  stack.use(prepared);
  const response = new EventEmitter() as unknown as ServerResponse;
  mock.timers.enable({ apis: ['setTimeout'] });
  stack.defer(() => mock.timers.reset());
  const offer = (path: string) =>
    prepared.offer(
      {
        volume: own,
        context: { author: 'alice' },
        wish: () => ({ kind: 'mkdir', path }),
        answer: undefined,
        since: 0,
        targets: [],
      },
      response,
    );

  const first = await offer('first');
  let isSecondThere = false;
  const second = offer('second').then(() => {
    isSecondThere = true;
  });
  mock.timers.tick(LIMITS.preparedTurnMs - 1);
  for (let rest = 0; rest < 20; rest += 1) await turn();
  assert.equal(isSecondThere, false);
  mock.timers.tick(1);
  await second;
  assert.equal(prepared.held.count, 2);
  assert(prepared.held.bytes > 0);
  mock.timers.tick(LIMITS.preparedLifeMs);
  assert.deepEqual(prepared.held, { count: 0, bytes: 0 });
  assert(first.kind === 'prepared');
  const { id } = decodePreparedCommit(first.body);
  const signer = { volume: own, rights: { principal: 'alice', whole: 3, nodes: new Map() } };
  await assert.rejects(
    prepared.commit(signer as never, { id, note: new Uint8Array(0) }, response),
    (error) => isGdpfsError(error, 'not_found'),
  );

  // Who goes away while they wait leaves the line.
  await offer('third');
  const gone = new EventEmitter() as unknown as ServerResponse;
  const waiting = prepared.offer(
    {
      volume: own,
      context: { author: 'alice' },
      wish: () => ({ kind: 'mkdir', path: 'gone' }),
      answer: undefined,
      since: 0,
      targets: [],
    },
    gone,
  );
  await turn();
  gone.emit('close');
  await assert.rejects(waiting, (error) => isGdpfsError(error, 'unavailable'));
  const last = offer('last');
  await turn();
  prepared[Symbol.dispose]();
  await assert.rejects(last, (error) => isGdpfsError(error, 'unavailable'));
  assert.deepEqual(prepared.held, { count: 0, bytes: 0 });
});
