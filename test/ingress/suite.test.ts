/** The suites of the command line, once more through real proxies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { INGRESS_KINDS, ingressMissing } from '../support/ingress.ts';

/** One of these tests is as long as a whole suite, on a machine that has more to do. */
const TIMEOUT_MS = 15 * 60_000;

/** Between them they have every command that talks to a server. */
const SUITES = ['cli.test.ts', 'cli-admin.test.ts', 'cli-sync.test.ts', 'cli-transfer.test.ts'];

/** The tests beside this one know Envoy, too; its suites would take minutes and show no more. */
const KINDS = INGRESS_KINDS.filter((kind) => kind !== 'envoy');

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
