import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Agent, request } from 'undici';
import { hasTerminal, runCli, runOnTerminal } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** Logins at several servers, or as several principals, on one machine. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
});
after(() => line[Symbol.asyncDispose]());

async function login(profile: string, principal: string): Promise<void> {
  const { token } = JSON.parse(
    await line.succeeds(['admin', 'invite', principal, '--json', '--profile', 'default']),
  );
  await line.succeeds(['login', line.server.url, token, '--profile', profile]);
}

async function profiles(): Promise<Record<string, unknown>[]> {
  const text = (await line.succeeds(['profile', 'ls', '--json'])).trim();
  return text === '' ? [] : text.split('\n').map((each) => JSON.parse(each));
}

async function currentPrincipal(): Promise<string> {
  return JSON.parse(await line.succeeds(['whoami', '--json'])).principal;
}

test('gdpfs profile lists, shows, chooses and removes logins', async () => {
  await login('lab', 'alice');
  assert.equal(await currentPrincipal(), 'alice');
  assert.deepEqual(
    (await profiles()).map(({ name, current, principal }) => [name, current, principal]),
    [
      ['default', false, 'admin'],
      ['lab', true, 'alice'],
    ],
  );
  const text = await line.succeeds(['profile', 'ls']);
  assert.match(text, /^ {3}default +admin +https:\S+ +until 20.*\n\* {2}lab +alice +https:/);
  await line.succeeds(['ls', 'gdp://alice']);
  const shown = await line.succeeds(['profile', 'show']);
  assert.match(shown, /^name: +lab \(current\)\nserver: +https:[^]*\nvolume: +alice \(/);
  assert.match(await line.succeeds(['profile', 'show', 'default']), /^name: +default\n/);
  const global = await line.succeeds(['profile', 'show', '--profile', 'default', '--json']);
  assert.equal(JSON.parse(global).name, 'default');

  await line.succeeds(['profile', 'use', 'default']);
  assert.equal(await currentPrincipal(), 'admin');
  assert.equal(
    JSON.parse(await line.succeeds(['whoami', '--json', '--profile', 'lab'])).principal,
    'alice',
  );

  const refused = await line.fails(['profile', 'rm', '-f', 'default'], 73);
  assert.match(
    refused,
    /it is the current one, need another\ngdpfs: hint: .*gdpfs profile use lab\n/,
  );
  assert.match(
    await line.fails(['profile', 'rm', 'lab'], 64),
    /nobody can be asked, need --force\n/,
  );
  await line.succeeds(['profile', 'rm', '-f', 'lab']);
  assert.deepEqual(
    (await profiles()).map(({ name }) => name),
    ['default'],
  );
  const folders = await readdir(line.path('home', 'profiles'));
  assert.deepEqual(
    folders.map((name) => name.replace(/-[0-9a-f]{8}$/, '')),
    ['default'],
  );
  for (const verb of ['show', 'use', 'rm']) {
    const unknown = await line.fails(['profile', verb, 'lab'], 66);
    assert.match(unknown, /profile "lab": there is none\ngdpfs: hint: the profiles are: default\n/);
  }
});

test('a login whose files are gone can be removed, and hides no other', async () => {
  await login('broken', 'bob');
  const config = JSON.parse(await readFile(line.path('home', 'config.json'), 'utf8'));
  await rm(line.path('home', config.profiles.broken.key));
  const { code, stdout, stderr } = await line.run(['profile', 'ls', '--json']);
  assert.equal(code, 74);
  assert.match(stderr, /cannot use profile "broken": ".*client\.key" is missing/);
  assert.equal(JSON.parse(stdout).name, 'default');
  await line.fails(['profile', 'use', 'broken'], 74);
  await line.succeeds(['profile', 'use', 'default']);
  await line.succeeds(['profile', 'rm', '-f', 'broken']);
  assert.equal((await profiles()).length, 1);
});

test('gdpfs profile rm asks on a terminal, and a no keeps the login', {
  skip: !hasTerminal() && 'there is no script(1)',
}, async () => {
  await login('kept', 'carol');
  await line.succeeds(['profile', 'use', 'default']);
  const terminal = { home: line.home, term: 'xterm', columns: 100, answer: 'n\n' };
  const { screen } = await runOnTerminal(['profile', 'rm', 'kept'], terminal);
  assert.match(screen, /remove the login of carol at https:\S+, with its key\? \[y\/N\] /);
  assert.equal((await profiles()).length, 2);
});

test('GDPFS_PROFILE chooses a login for all that names none', async () => {
  await login('shell', 'dave');
  await line.succeeds(['profile', 'use', 'default']);
  const named = { ...line.options, profile: 'shell' };
  const principalOf = async (args: readonly string[], options = named): Promise<string> => {
    const { stdout, stderr, code } = await runCli(['whoami', '--json', ...args], options);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).principal;
  };
  assert.equal(await principalOf([]), 'dave');
  assert.equal(await principalOf(['--profile', 'default']), 'admin');
  const empty = { ...line.options, profile: '' };
  assert.equal(await principalOf([], empty), 'admin');
  assert.match((await runCli(['profile', 'ls'], named)).stdout, /^\* {2}shell +dave /m);
  const used = await runCli(['profile', 'use', 'default'], named);
  assert.match(used.stderr, /warning: GDPFS_PROFILE in the environment still chooses "shell"\n/);
  const none = { ...line.options, profile: 'none' };
  assert.match((await runCli(['ls'], none)).stderr, /cannot use profile "none": there is none\n/);
});

test('the last login may be removed: then nobody is logged in', async () => {
  const home = line.path('alone');
  const { token } = JSON.parse(
    await line.succeeds(['admin', 'invite', 'dora', '--json', '--profile', 'default']),
  );
  const options = { home };
  await line.succeeds(['login', line.server.url, token], options);
  await line.succeeds(['profile', 'rm', '-f', 'default'], options);
  assert.equal(await line.succeeds(['profile', 'ls'], options), '');
  assert.match(await line.fails(['whoami'], 77, options), /nobody has logged in yet/);
  const config = JSON.parse(await readFile(line.path('alone', 'config.json'), 'utf8'));
  assert.deepEqual(config, { version: 1, profiles: {} });
});

test('gdpfs profile export writes what a browser imports, for its owner only, and nothing twice', async () => {
  await login('browser', 'erin');
  const file = line.path('erin.p12');
  const passwords = line.path('password');
  await writeFile(passwords, 'a long enough one\nsecond line\n');
  const args = ['profile', 'export', '--p12', file, '--password-file', passwords];
  const said = await line.succeeds([...args, 'browser']);
  assert.match(said, /^erin at 127\.0\.0\.1:\d+, until 20\d\d-.*, in .*erin\.p12\n$/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  // As the browser does: the certificate in it is the one that the server knows.
  const pfx = { pfx: await readFile(file), passphrase: 'a long enough one', ca: line.server.ca };
  const { statusCode, body } = await request(`${line.server.url}/api/v1/whoami`, {
    dispatcher: new Agent({ connect: pfx }),
  });
  assert.equal(statusCode, 200);
  assert.equal(((await body.json()) as { principal: string }).principal, 'erin');

  assert.match(await line.fails([...args, 'browser'], 73), /something is there already\n/);
  await rm(file);
  await writeFile(passwords, 'short\n');
  assert.match(await line.fails(args, 64), /cannot use the password: need 8 to 128 characters/);
  const unasked = ['profile', 'export', '--p12', file];
  assert.match(await line.fails(unasked, 64), /there is no terminal, need --password-file\n/);
  await rm(passwords);
  assert.match(await line.fails(args, 66), /cannot read the password file ".*": /);
  assert.equal(await stat(file).catch(() => undefined), undefined);
});
