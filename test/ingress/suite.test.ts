/** The suites of the command line, once more through real proxies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { runCli } from '../support/cli.ts';
import { INGRESS_KINDS, ingressMissing } from '../support/ingress.ts';

/** One of these tests is as long as a whole suite, on a machine that has more to do. */
const TIMEOUT_MS = 15 * 60_000;

/** Between them they have every command that talks to a server. */
const SUITES = [
  'cli.test.ts',
  'cli-admin.test.ts',
  'cli-history.test.ts',
  'cli-sync.test.ts',
  'cli-transfer.test.ts',
  'client-custody.test.ts',
];

/** Those of the machine that has the data, and of no server. */
const WITHOUT_SERVER = ['profile', 'serve', 'fsck', 'gc', 'index', 'version', 'help'];

/** The tests beside this one know Envoy, too; its suites would take minutes and show no more. */
const KINDS = INGRESS_KINDS.filter((kind) => kind !== 'envoy');

test('these suites have every command that talks to a server', async () => {
  const texts = SUITES.map((name) => readFileSync(join(import.meta.dirname, '..', name), 'utf8'));
  const { stdout } = await runCli(['--help'], { home: import.meta.dirname });
  const [, list = ''] = stdout.split('Commands:\n');
  const verbs = [...list.matchAll(/^  ([a-z0-9]+)/gm)].map(([, verb = '']) => verb);
  assert(verbs.includes('watch'), stdout);
  const missing = verbs.filter((verb) => !texts.some((text) => text.includes(`'${verb}'`)));
  assert.deepEqual(
    missing,
    WITHOUT_SERVER.filter((verb) => missing.includes(verb)),
  );
});

for (const kind of KINDS) {
  for (const suite of SUITES) {
    const options = { skip: ingressMissing(kind), timeout: TIMEOUT_MS };
    test(`everything in ${suite} works behind ${kind}`, options, async () => {
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const file = join(import.meta.dirname, '..', suite);
      const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], {
        env: { ...env, GDPFS_TEST_INGRESS: kind },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      const report = await text(child.stdout);
      const [code] = (await ended) as [number | null];
      assert.equal(code, 0, report);
      assert.match(report, /^# pass [1-9]/m);
    });
  }
}
