import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const BASE = new URL('../src/base/', import.meta.url).href;

test('a thread that was started and gets no work does not keep the process running', () => {
  const start = `new ThreadPool(new URL('${BASE}md5-worker.ts')).leastBusy();`;
  const code = `import { ThreadPool } from '${BASE}thread-pool.ts'; ${start}`;
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', code],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.deepEqual([status, signal], [0, null], stderr);
});
