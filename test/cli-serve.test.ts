/** `gdpfs serve`, and the commands on its data: transcripts of real processes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { spawnCli } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { NO_MATTER_OF_PROXIES } from './support/server.ts';

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
});
after(() => line[Symbol.asyncDispose]());

test(
  'gdpfs serve prints one line when it is ready, logs to standard error, and ends in order',
  NO_MATTER_OF_PROXIES,
  async () => {
    const data = line.path('data-2');
    const args = ['serve', '--data', data, '--listen', '0.0.0.0:0', '--name', 'files.example.org'];
    const child = spawnCli(args, line.options);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const ended = once(child, 'exit');
    const [ready] = await once(child.stdout, 'data');
    const port = /^ready at https:\/\/files\.example\.org:(\d+), /.exec(String(ready))?.[1];
    assert(port !== undefined, String(ready));
    const taken = await line.run([
      'serve',
      '--data',
      line.path('data-3'),
      '--listen',
      `0.0.0.0:${port}`,
    ]);
    assert.deepEqual([taken.code, taken.stdout], [74, '']);
    assert.match(
      taken.stderr,
      /^gdpfs: error: cannot listen on 0\.0\.0\.0:\d+: the address is in use$/m,
    );
    child.kill('SIGTERM');
    assert.equal((await ended)[0], 0);
    const pattern = `^ready at \\S+, CA certificate ${data}/keys/ca\\.crt, first admin: gdpfs login \\S+ gdpfs1\\.\\S+\n$`;
    assert.match(await stdout, new RegExp(pattern));
    const logged = (await stderr)
      .trim()
      .split('\n')
      .map((each) => JSON.parse(each).msg);
    assert.deepEqual(logged, ['listening', 'stopped']);
  },
);

test('gdpfs keeps off the data of a running server, and checks and repairs that of a stopped one', async () => {
  const data = ['--data', line.path('data')];
  for (const verb of [['fsck'], ['index', 'rebuild'], ['serve']]) {
    assert.match(await line.fails([...verb, ...data], 75), /another|in use|lock/);
  }
  const running = await line.fails(['admin', 'token', ...data], 75);
  assert.match(running, /need it stopped\ngdpfs: hint: .*gdpfs admin invite NAME --role admin\n/);
  const volume = 'gdp://kept';
  await line.succeeds(['volume', 'create', 'kept']);
  await line.succeeds(['mkdir', `${volume}/d`]);
  await line.stopServer();
  assert.match(await line.fails(['ls', volume], 69), /nothing listens there/);

  assert.match(await line.succeeds(['fsck', ...data]), /^no damage: /);
  assert.deepEqual(JSON.parse(await line.succeeds(['fsck', '--json', ...data])).problems, []);
  assert.match(
    await line.succeeds(['index', 'rebuild', ...data]),
    /^rebuilt the index: \d+ volumes?\n$/,
  );
  const token = (await line.succeeds(['admin', 'token', ...data])).trim();

  await line.startServer('data', []);
  assert.equal(line.server.adminToken, undefined);
  await line.succeeds(['login', line.server.url, token]);
  assert.equal(await line.succeeds(['ls', volume]), 'd/\n');
  assert.match(await line.succeeds(['admin', 'audit']), / - +local +adminToken +done +admin$/m);
});
