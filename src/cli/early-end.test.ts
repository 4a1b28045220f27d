import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = JSON.stringify(new URL('early-end.ts', import.meta.url).href);

function run(program: string): { readonly status: number | null; readonly stderr: string } {
  const code = `import { reportEarlyEnd } from ${MODULE}; ${program}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
}

test('a process that nothing keeps running before it is done fails, and says so', () => {
  const wait = 'void new Promise((resolve) => setTimeout(resolve, 1e6).unref())';
  const { status, stderr } = run(`const done = reportEarlyEnd(); ${wait}.then(done);`);
  assert.equal(status, 70);
  assert.equal(stderr, 'gdpfs: error: internal error: it ended before it was done\n');
});

test('a process that is done ends as it wants to', () => {
  const { status, stderr } = run('reportEarlyEnd()(); process.exitCode = 3;');
  assert.deepEqual([status, stderr], [3, '']);
});
