import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { LocalWriter } from '../local-writer.ts';
import type { Session } from '../session.ts';
import { Tally } from '../tally.ts';
import type { Outcomes } from '../write-requests.ts';
import type { Action, ActionPages } from './action.ts';
import { executeLocally } from './local-executor.ts';

function outcomesOf(count: number): Outcomes {
  return { codes: new Uint8Array(count), faults: new Map() };
}

/** Directories, which need nothing of a server. */
async function* pagesOf(...counts: number[]): ActionPages {
  for (const [page, count] of counts.entries()) {
    yield Array.from({ length: count }, (_, index): Action => {
      const relative = `${String(page).padStart(3, '0')}-${String(index).padStart(6, '0')}`;
      const entry = { relative, kind: 'directory', size: 0, mode: 0o755, mtimeUs: 0 } as const;
      return { kind: 'directory', entry, reason: 'new' };
    });
  }
}

test('executeLocally() goes on with twice as many parts as are fetched at once, while the thread has not finished the first', async () => {
  const parts = 2 * LIMITS.tarStreamsReceived;
  const areBegun = Promise.withResolvers<void>();
  let begun = 0;
  const writer: LocalWriter = {
    async ask(request) {
      if (request.kind === 'finish') {
        await areBegun.promise;
        return outcomesOf(request.directories.length);
      }
      if (request.kind !== 'steps') return outcomesOf(0);
      begun += 1;
      if (begun === parts) areBegun.resolve();
      return outcomesOf(request.steps.length);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const counts = Array.from({ length: parts }, () => LIMITS.tarFilesMax);
  const tally = new Tally();
  const options = { path: '/v/d', at: '1', target: '/nowhere', writer, tally, transfer: {} };
  await executeLocally({} as Session, pagesOf(...counts), options);
  assert.equal(tally.directories, parts * LIMITS.tarFilesMax);
  assert.deepEqual(tally.errors, []);
});
