import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { createServer } from 'node:tls';
import { spawnCli } from './support/cli.ts';
import type { TypedOptions } from './support/cli-user.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { NO_MATTER_OF_PROXIES } from './support/server.ts';

/** Transcripts of the real command line against the real server, each in a process of its own. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
});
after(() => line[Symbol.asyncDispose]());

/** What a command that moves data says in the end. */
const SUMMARY = /^gdpfs: (copied|moved) .*\n$/;

/** Standard output of a command that must succeed and have nothing to complain of. */
async function succeeds(args: readonly string[], options: TypedOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await line.run(args, options);
  const complaints = stderr.replace(SUMMARY, '');
  assert.deepEqual([code, complaints], [0, ''], `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

/** The last line that a command that moves data prints with --json. */
async function summaryOf(args: readonly string[]) {
  const lines = (await succeeds([...args, '--json'])).trimEnd().split('\n');
  return JSON.parse(lines.at(-1) ?? '');
}

async function newVolume(alias: string): Promise<string> {
  await succeeds(['volume', 'create', alias]);
  return `gdp://${alias}`;
}

/** A small tree with everything in it that a volume can hold. */
async function writeTree(name: string): Promise<string> {
  await mkdir(line.path(name, 'sub', 'empty'), { recursive: true });
  await writeFile(line.path(name, 'a.txt'), 'hello\n');
  await chmod(line.path(name, 'a.txt'), 0o640);
  await writeFile(line.path(name, 'large.bin'), Buffer.alloc(600_000, 'gdpfs'));
  await writeFile(line.path(name, 'sub', 'naïve name'), '');
  await symlink('a.txt', line.path(name, 'link'));
  await utimes(line.path(name, 'a.txt'), 1_700_000_000, 1_700_000_000);
  return line.path(name);
}

test('gdpfs whoami and volume ls show what login and volume create did', async () => {
  const me = JSON.parse(await succeeds(['whoami', '--json']));
  assert.deepEqual([me.url, me.principal, me.role], [line.server.url, 'admin', 'admin']);
  assert.match(
    await succeeds(['whoami']),
    /^admin \(admin\) at https:\S+, certificate valid until 20/,
  );
  const created = JSON.parse(await succeeds(['volume', 'create', 'created', '--json']));
  const lines = (await succeeds(['volume', 'ls', '--json'])).trim().split('\n');
  const listed = lines.map((line) => JSON.parse(line)).find(({ alias }) => alias === 'created');
  assert.deepEqual(listed, created);
  assert.match(
    await succeeds(['volume', 'ls']),
    new RegExp(`^created +admin .* ${created.name}$`, 'm'),
  );
  assert.match(await line.fails(['volume', 'create', 'created'], 73), /taken/);
  const cut = await succeeds(['volume', 'create', 'cut', '--chunking', 'cdc', '--json']);
  assert.equal(JSON.parse(cut).chunking, 'cdc');
});

test('gdpfs copies a tree into a volume and back, and shows it', async () => {
  const volume = await newVolume('tree');
  const source = await writeTree('tree');
  const sent = await summaryOf(['cp', '-r', source, `${volume}/copy`]);
  assert.deepEqual([sent.files, sent.links, sent.skipped, sent.verified], [3, 1, 0, true]);
  assert.equal(sent.bytes, 600_006);
  assert.equal(
    await succeeds(['ls', '-r', volume]),
    'copy/\ncopy/a.txt\ncopy/large.bin\ncopy/link\ncopy/sub/\ncopy/sub/empty/\ncopy/sub/naïve name\n',
  );
  const [first, , third] = (await succeeds(['ls', '-l', `${volume}/copy`])).split('\n');
  assert.equal(first, '-rw-r-----  admin                6  2023-11-14 22:13:20  a.txt');
  assert.match(third ?? '', /^lrwxrwxrwx .* link -> a\.txt$/);
  assert.equal(
    await succeeds(['cat', `${volume}/copy/a.txt`, `${volume}/copy/sub/naïve name`]),
    'hello\n',
  );
  const range = ['cat', '--offset', '599998', '--length', '9', `${volume}/copy/large.bin`];
  assert.equal(await succeeds(range), 'fs');
  const entry = JSON.parse(await succeeds(['stat', '--json', `${volume}/copy/a.txt`]));
  assert.deepEqual([entry.kind, entry.size, entry.mtimeUs], ['file', 6, 1_700_000_000_000_000]);
  assert.match(await succeeds(['stat', `${volume}/copy/a.txt`]), /^size: +6$/m);

  await succeeds(['cp', '-R', `${volume}/copy`, line.path('back')]);
  for (const name of ['a.txt', 'large.bin', 'link', 'sub/naïve name']) {
    assert.deepEqual(
      await readFile(line.path('back', name)),
      await readFile(line.path('tree', name)),
      name,
    );
  }
  assert.equal((await stat(line.path('back', 'a.txt'))).mode & 0o777, 0o640);
  assert((await stat(line.path('back', 'sub', 'empty'))).isDirectory());
  assert.match(
    await succeeds(['verify', volume]),
    /^gdp:\/\/tree\/: good, \d+ records, .* 3 files, 600 KB\n$/,
  );
  const report = JSON.parse(await succeeds(['verify', '--json', volume]));
  assert.deepEqual([report.verified, report.files, report.problems], [true, 3, []]);
});

test('gdpfs md5sum prints what md5sum prints, and cp --md5 compares it', async () => {
  const volume = await newVolume('sums');
  const bytes = Buffer.alloc(700_000, 'sum');
  const md5 = createHash('md5').update(bytes).digest('hex');
  await writeFile(line.path('sum.bin'), bytes);
  const sent = await line.run(['cp', '--md5', 'sum.bin', `${volume}/a\\b`]);
  assert.match(sent.stderr, /; each verified by SHA-256 and MD5\n$/);
  assert.equal(await succeeds(['md5sum', `${volume}/a\\b`]), `\\${md5}  gdp://sums/a\\\\b\n`);
  const { md5Compared } = await summaryOf(['cp', '--md5', `${volume}/a\\b`, 'sum.back']);
  assert.equal(md5Compared, 1);
  const sum = JSON.parse(await succeeds(['md5sum', '--json', `${volume}/a\\b`]));
  assert.deepEqual([sum.path, sum.md5, sum.size], [`${volume}/a\\b`, md5, 700_000]);
  assert.match(await line.fails(['md5sum', volume], 73), /directory/);
});

test('gdpfs cp puts several sources into a directory and never onto one name', async () => {
  const volume = await newVolume('several');
  await writeFile(line.path('one'), '1');
  await writeFile(line.path('two'), '2');
  await succeeds(['cp', 'one', 'two', `${volume}/into/`]);
  assert.equal(await succeeds(['cat', `${volume}/into/one`, `${volume}/into/two`]), '12');
  await succeeds(['cp', 'one', `${volume}/file`]);
  assert.match(
    await line.fails(['cp', 'one', 'two', `${volume}/file`], 73),
    /not a directory|it is a file/,
  );
  assert.equal(await succeeds(['cat', `${volume}/file`]), '1');
  await mkdir(line.path('many'));
  await succeeds(['cp', `${volume}/into/one`, `${volume}/into/two`, 'many']);
  assert.equal(await readFile(line.path('many', 'two'), 'utf8'), '2');
  await succeeds(['cp', `${volume}/into/one`, `${volume}/within`]);
  assert.equal(await succeeds(['cat', `${volume}/within`]), '1');
  assert.match(
    await line.fails(['cp', `${volume}/into`, 'x'], 73),
    /it is a directory\ngdpfs: hint: use -r/,
  );
});

test('gdpfs cp obeys the last of -f and -n, both ways and for trees', async () => {
  const volume = await newVolume('clobber');
  await mkdir(line.path('new'));
  for (const [name, content] of [
    ['old', 'old'],
    ['new/old', 'new'],
    ['new/other', 'new'],
  ] as const) {
    await writeFile(line.path(name), content);
  }
  const show = () => succeeds(['cat', `${volume}/d/old`]);
  await succeeds(['cp', 'old', `${volume}/d/old`]);
  const kept = await summaryOf(['cp', '-f', '-n', 'new/old', `${volume}/d/old`]);
  assert.deepEqual([kept.files, kept.skipped, await show()], [0, 1, 'old']);
  await succeeds(['cp', '-r', '-n', 'new/.', `${volume}/d`]);
  assert.equal(await succeeds(['cat', `${volume}/d/old`, `${volume}/d/other`]), 'oldnew');
  await succeeds(['cp', '-nf', 'new/old', `${volume}/d`]);
  assert.equal(await show(), 'new');

  await mkdir(line.path('down'));
  await writeFile(line.path('down', 'old'), 'mine');
  await succeeds(['cp', '-n', `${volume}/d/old`, 'down/old']);
  await succeeds(['cp', '-rn', `${volume}/d`, 'down']);
  assert.equal(await readFile(line.path('down', 'old'), 'utf8'), 'mine');
  await writeFile(line.path('down', 'd', 'old'), 'mine');
  await succeeds(['cp', '-rn', `${volume}/d`, 'down']);
  assert.equal(await readFile(line.path('down', 'd', 'old'), 'utf8'), 'mine');
  await succeeds(['cp', '-r', `${volume}/d`, 'down']);
  assert.equal(await readFile(line.path('down', 'd', 'old'), 'utf8'), 'new');
});

test('gdpfs mv renames in one step, and moves in and out', async () => {
  const volume = await newVolume('moves');
  await writeFile(line.path('m1'), 'one');
  await writeFile(line.path('m2'), 'two');
  await succeeds(['mv', 'm1', 'm2', `${volume}/in/`]);
  await assert.rejects(stat(line.path('m1')), { code: 'ENOENT' });
  assert.equal(
    await succeeds(['mv', '-v', `${volume}/in`, `${volume}/out`]),
    'renamed gdp://moves/in to gdp://moves/out\n',
  );
  await succeeds(['mv', '-n', `${volume}/out/m1`, `${volume}/out/m2`]);
  assert.equal(await succeeds(['cat', `${volume}/out/m1`, `${volume}/out/m2`]), 'onetwo');
  await succeeds(['mv', `${volume}/out/m1`, `${volume}/out/m2`]);
  assert.equal(await succeeds(['cat', `${volume}/out/m2`]), 'one');
  await succeeds(['mv', `${volume}/out`, 'came-out']);
  assert.equal(await readFile(line.path('came-out', 'm2'), 'utf8'), 'one');
  assert.equal(await succeeds(['ls', volume]), '');
  await line.fails(['mv', `${volume}/nothing`, `${volume}/x`], 66);
  // As after a move that was broken off when all had arrived.
  await mkdir(line.path('linked'));
  await symlink('target', line.path('linked', 'link'));
  await succeeds(['cp', '-r', 'linked', volume]);
  await succeeds(['mv', 'linked', `${volume}/`]);
  await assert.rejects(stat(line.path('linked')), { code: 'ENOENT' });
});

test('gdpfs cp and mv take files and trees into another volume', async () => {
  const [from, to] = [await newVolume('outgoing'), await newVolume('incoming')];
  await mkdir(line.path('across'));
  await writeFile(line.path('across', 'small'), 'small');
  await writeFile(line.path('across', 'large'), Buffer.alloc(400_000, 7));
  await succeeds(['cp', '-r', 'across', from]);
  await succeeds(['cp', `${from}/across/small`, `${to}/made/`]);
  await succeeds(['cp', '-r', `${from}/across`, to]);
  assert.equal(await succeeds(['cat', `${to}/made/small`, `${to}/across/small`]), 'smallsmall');
  await succeeds(['mv', `${from}/across`, `${to}/moved`]);
  assert.equal(await succeeds(['ls', from]), '');
  assert.equal(await succeeds(['cat', `${to}/moved/small`]), 'small');
  await line.fails(['cp', `${from}/across`, to], 66);
});

test('gdpfs mkdir and rm do what their names say, and refuse the rest', async () => {
  const volume = await newVolume('dirs');
  await line.fails(['mkdir', `${volume}/a/b`], 66);
  assert.equal(await succeeds(['mkdir', '-pv', `${volume}/a/b`]), 'made gdp://dirs/a/b\n');
  await succeeds(['mkdir', '-p', `${volume}/a/b`]);
  assert.match(await line.fails(['mkdir', `${volume}/a/b`], 73), /exists/);
  assert.match(await line.fails(['rm', `${volume}/a/b`], 73), /directory/);
  const before = JSON.parse(await succeeds(['stat', '--json', `${volume}/a`])).seq;
  assert.equal(await succeeds(['rm', '-rv', `${volume}/a`]), 'removed gdp://dirs/a\n');
  await line.fails(['rm', '-r', `${volume}/a`], 66);
  await succeeds(['rm', '-rf', `${volume}/a`]);
  assert.equal(await succeeds(['ls', '-r', '--at', String(before + 1), volume]), 'a/\na/b/\n');
});

test('gdpfs does what it can of many paths and reports the others one by one', async () => {
  const volume = await newVolume('partial');
  await succeeds(['mkdir', `${volume}/d`]);
  await writeFile(line.path('f'), 'data');
  await succeeds(['cp', 'f', volume]);
  const listing = await line.run(['ls', `${volume}/gone`, volume, 'gdp://no-such-volume']);
  assert.deepEqual([listing.code, listing.stdout], [66, `${volume}:\nd/\nf\n`]);
  assert.equal(listing.stderr.match(/^gdpfs: error: /gm)?.length, 2);
  const mixed = await line.run(['cat', `${volume}/gone`, `${volume}/f`, `${volume}/d`]);
  assert.deepEqual([mixed.code, mixed.stdout], [74, 'data']);
  const copied = await line.run(['cp', 'f', 'gone', `${volume}/d`]);
  assert.equal(copied.code, 66);
  assert.equal(await succeeds(['cat', `${volume}/d/f`]), 'data');
});

test('gdpfs reads the /pfs/ spelling, with the profile that it names', async () => {
  await newVolume('spelled');
  await writeFile(line.path('s'), 'data');
  await succeeds(['cp', 's', '/pfs/default/home/spelled/s']);
  assert.equal(await succeeds(['cat', 'gdp://spelled/s']), 'data');
  const stderr = await line.fails(['cat', '/pfs/lab/home/spelled/s'], 66);
  assert.match(
    stderr,
    /cannot use profile "lab": there is none\ngdpfs: hint: the profiles are: default/,
  );
});

test('gdpfs admin invite prints a token, and nothing else, with which a user gets a home volume', async () => {
  const invited = await line.run(['admin', 'invite', 'alice']);
  assert.match(invited.stdout, /^gdpfs1\.[\w-]{64}\n$/);
  assert.match(invited.stderr, /^gdpfs: alice logs in with "gdpfs login https:/);
  const hers = { home: line.path('alice') };
  await succeeds(['login', line.server.url, invited.stdout.trim()], hers);
  assert.deepEqual(JSON.parse(await succeeds(['whoami', '--json'], hers)).volumes, ['alice']);
  await succeeds(['mkdir', 'gdp://alice/data'], hers);
  await newVolume('not-hers');
  for (const args of [
    ['ls', 'gdp://not-hers'],
    ['admin', 'invite', 'bob'],
  ]) {
    const refused = await line.run(args, hers);
    assert.deepEqual([refused.code, refused.stdout], [77, '']);
  }
  const { stderr } = await line.run(['login', line.server.url, invited.stdout.trim()], hers);
  assert.match(stderr, /cannot enrol with the token: it was used already/);
});

test('gdpfs refuses a volume that is another than the one it knows by that alias', async () => {
  await newVolume('known');
  await succeeds(['ls', 'gdp://known']);
  const path = join(line.home, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  config.profiles.default.volumes.known = 'A'.repeat(43);
  await writeFile(path, JSON.stringify(config));
  assert.match(
    await line.fails(['ls', 'gdp://known'], 76),
    /another volume there now\ngdpfs: hint: .*gdpfs volume trust --reset gdp:\/\/known/,
  );
});

test('gdpfs is quiet when nobody reads its output any more', async () => {
  const volume = await newVolume('quiet');
  await writeFile(line.path('long'), Buffer.alloc(8_000_000, 'x'));
  await succeeds(['cp', 'long', volume]);
  const child = spawnCli(['cat', `${volume}/long`], line.options);
  const stderr = text(child.stderr);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  assert.deepEqual([(await ended)[0], await stderr], [0, '']);
});

test(
  'gdpfs stops at SIGINT while a server does not answer, with exit code 130',
  NO_MATTER_OF_PROXIES,
  async () => {
    const keys = line.path('data', 'keys');
    const silent = createServer({
      key: await readFile(join(keys, 'server.key')),
      cert: await readFile(join(keys, 'server.crt')),
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const other = line.path('silent');
    const { stdout: token } = await line.run(['admin', 'invite', 'sam']);
    await succeeds(['login', line.server.url, token.trim()], { home: other });
    const path = join(other, 'config.json');
    const config = await readFile(path, 'utf8');
    await writeFile(path, config.replaceAll(line.server.url, `https://127.0.0.1:${port}`));
    const child = spawnCli(['whoami'], { home: other });
    const stderr = text(child.stderr);
    const ended = once(child, 'exit');
    const [socket] = await once(silent, 'secureConnection');
    await once(socket, 'data');
    child.kill('SIGINT');
    assert.deepEqual(
      [(await ended)[0], await stderr],
      [130, 'gdpfs: error: stopped before the end\n'],
    );
    socket.destroy();
    silent.close();
  },
);
