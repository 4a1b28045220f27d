import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { compareNames } from '../src/format/path.ts';
import { hasTerminal, runOnTerminal, spawnCli } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { NO_MATTER_OF_PROXIES } from './support/server.ts';

/** What the commands that move data say: to people with and without a terminal, and to programs. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await mkdir(line.path('tree', 'sub'), { recursive: true });
  for (const name of ['a', 'b', 'sub/c']) await writeFile(line.path('tree', name), name);
  await symlink('a', line.path('tree', 'link'));
  await writeFile(line.path('large'), randomBytes(3_000_000));
  await line.succeeds(['volume', 'create', 'v']);
});
after(() => line[Symbol.asyncDispose]());

async function eventsOf(args: readonly string[]) {
  const { stdout, ...rest } = await line.run([...args, '--json']);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((event) => JSON.parse(event));
  return { ...rest, events };
}

test('gdpfs cp without a terminal says nothing but a summary', async () => {
  const first = await line.run(['cp', '-r', 'tree', 'gdp://v/plain']);
  assert.deepEqual([first.code, first.stdout], [0, '']);
  assert.match(
    first.stderr,
    /^gdpfs: copied 3 files, 2 directories, 1 link, 7 B in [^:]+: 7 B sent, 0 B already there; each verified by SHA-256\n$/,
  );
  const again = await line.run(['cp', '-r', 'tree/.', 'gdp://v/plain']);
  assert.match(again.stderr, /: 0 B sent, 7 B already there\b.*; each verified by SHA-256\n$/);
});

test('gdpfs cp inside a volume says what it copied, and names a file', async () => {
  await line.succeeds(['cp', '-qr', 'tree', 'gdp://v/here']);
  const { stderr } = await line.run(['cp', '-r', 'gdp://v/here', 'gdp://v/there']);
  assert.match(
    stderr,
    /^gdpfs: copied 3 files, 2 directories, 1 link, 7 B in [^:]+: 0 B sent, 7 B /,
  );
  const { stdout } = await line.run(['cp', '-v', 'gdp://v/here/a', 'gdp://v/a']);
  assert.equal(stdout, 'gdp://v/a\n');
});

test('gdpfs cp at a limited bandwidth brings a file down whole', async () => {
  await line.succeeds(['cp', '-q', 'large', 'gdp://v/limited']);
  await line.succeeds(['cp', '-q', '--bwlimit', '4M', 'gdp://v/limited', 'limited']);
  assert((await readFile(line.path('limited'))).equals(await readFile(line.path('large'))));
});

test('gdpfs cp -q says nothing, but errors', async () => {
  const quiet = await line.run(['cp', '-q', 'tree/a', 'gdp://v/quiet']);
  assert.deepEqual(quiet, { code: 0, stdout: '', stderr: '' });
  const failing = await line.run(['cp', '-q', 'tree/a', 'gone', 'gdp://v/quiet-2/']);
  assert.deepEqual([failing.code, failing.stdout], [66, '']);
  assert.match(failing.stderr, /^gdpfs: error: cannot read "gone": .*\n$/);
});

test('gdpfs cp and mv -v name what they did on standard output', async () => {
  const copied = await line.run(['cp', '-rv', 'tree', 'gdp://v/named']);
  const names = ['a', 'b', 'link', 'sub', 'sub/c'].map((name) => `gdp://v/named/${name}`);
  assert.deepEqual(copied.stdout.trimEnd().split('\n').toSorted(compareNames), names);
  const moved = await line.run(['mv', '-v', 'gdp://v/named', 'gdp://v/moved']);
  assert.equal(moved.stdout, 'renamed gdp://v/named to gdp://v/moved\n');
  assert.match(moved.stderr, /^gdpfs: moved 1 name in \S+ s\n$/);
});

test('gdpfs cp tells of the errors as they happen, and then how many there were', async () => {
  const { code, stderr } = await line.run(['cp', 'tree/a', 'gone', 'gdp://v/some/']);
  assert.equal(code, 66);
  assert.match(
    stderr,
    /^gdpfs: error: cannot read "gone": .*\ngdpfs: copied 1 file, 1 B in [^:]+: 0 B sent, 1 B already there; .*; 1 failed\n$/,
  );
});

test('gdpfs cp --json begins with start and ends with summary, also if it fails', async () => {
  const good = await eventsOf(['cp', '-r', 'tree', 'gdp://v/events']);
  const { event, verb, sources, destination } = good.events[0];
  assert.deepEqual(
    [event, verb, sources, destination],
    ['start', 'cp', ['tree'], 'gdp://v/events'],
  );
  const files = good.events.filter((each) => each.event === 'file').map(({ path }) => path);
  assert.deepEqual(
    files.toSorted(compareNames),
    ['a', 'b', 'sub/c'].map((name) => `gdp://v/events/${name}`),
  );
  const summary = good.events.at(-1);
  assert.deepEqual(
    [summary.event, summary.files, summary.links, summary.bytesSent, summary.bytesReused],
    ['summary', 3, 1, 0, 7],
  );
  assert.deepEqual([summary.verified, summary.failed, good.stderr], [true, 0, '']);

  const bad = await eventsOf(['cp', 'gone', 'gdp://v/x']);
  assert.equal(bad.code, 66);
  assert.deepEqual(
    bad.events.map((each) => [each.event, each.code, each.verified]),
    [
      ['start', undefined, undefined],
      ['error', 'not_found', undefined],
      ['summary', undefined, false],
    ],
  );
});

test('gdpfs cp -r --md5 compares the MD5 of every file of a tree, both ways', async () => {
  for (const args of [
    ['tree', 'gdp://v/sums'],
    ['gdp://v/sums', 'sums-back'],
  ]) {
    const { events } = await eventsOf(['cp', '-r', '--md5', ...args]);
    const sums = events.filter(({ event }) => event === 'file').map(({ md5 }) => md5);
    const expected = ['a', 'b', 'sub/c'].map((content) =>
      createHash('md5').update(content).digest('hex'),
    );
    assert.deepEqual(sums.toSorted(compareNames), expected.toSorted(compareNames));
    assert.equal(events.at(-1).md5Compared, 3);
  }
  assert.equal(await readFile(line.path('sums-back', 'sub', 'c'), 'utf8'), 'sub/c');
});

test('gdpfs cp that is stopped says what was done and that it goes on from there', async () => {
  const child = spawnCli(
    ['cp', '-v', '--bwlimit', '300K', 'tree/a', 'large', 'gdp://v/stopped/'],
    line.options,
  );
  const stderr = text(child.stderr);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  assert.equal((await ended)[0], 130);
  assert.match(
    await stderr,
    /^gdpfs: copied 1 file, .*; the same command again goes on from here\ngdpfs: error: stopped before the end\n$/,
  );
});

test('gdpfs cp that nobody listens to any more stops, and does not say that it is done', async () => {
  await writeFile(line.path('unheard'), randomBytes(3_000_000));
  const args = ['cp', '--json', '--bwlimit', '1M', 'tree/a', 'unheard', 'gdp://v/unheard/'];
  const child = spawnCli(args, line.options);
  const stderr = text(child.stderr);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  assert.equal((await ended)[0], 74);
  assert.equal(await stderr, 'gdpfs: error: stopped before the end: nobody reads the output\n');
});

const needsTerminal = { skip: hasTerminal() ? false : 'needs script(1)' };
/** The same of what a terminal shows of any transfer. */
const needsOnlyTerminal = { skip: needsTerminal.skip || NO_MATTER_OF_PROXIES.skip };

const CLEAR_TO_END = '\u001b[K';

for (const [columns, what] of [
  [80, /^ +\d+%  \d\/1 file  \S+ \w+ of 3\.00 MB /],
  [30, /^ +\d+%  \S+ \w+ of 3\.00 MB$/],
  [5, /^ +\d+%$/],
] as const) {
  const title = `gdpfs cp on a terminal of ${columns} columns keeps to one line, gone in the end`;
  test(title, needsOnlyTerminal, async () => {
    await writeFile(line.path('fresh'), randomBytes(3_000_000));
    const args = ['cp', '--bwlimit', '2M', 'fresh', `gdp://v/terminal-${columns}`];
    const { code, screen } = await runOnTerminal(args, { ...line.options, term: 'xterm', columns });
    assert.equal(code, 0);
    const [shown = '', ...rest] = screen.split('\n');
    assert.deepEqual(rest, [''], 'nothing but one line and the summary');
    const looks = shown.split('\r').slice(1);
    const summary = looks.pop() ?? '';
    assert(summary.startsWith(`${CLEAR_TO_END}gdpfs: copied 1 file, 3.00 MB in `), summary);
    assert(looks.length > 0, 'there is progress');
    for (const look of looks) {
      assert(look.endsWith(CLEAR_TO_END), JSON.stringify(look));
      assert(look.length - CLEAR_TO_END.length < columns, JSON.stringify(look));
    }
    const texts = looks.map((look) => look.slice(0, -CLEAR_TO_END.length));
    assert(
      texts.some((each) => what.test(each)),
      JSON.stringify(texts),
    );
  });
}

test(
  'gdpfs cp on a terminal that cannot be written over shows only the summary',
  needsOnlyTerminal,
  async () => {
    await writeFile(line.path('fresh'), randomBytes(3_000_000));
    const args = ['cp', '--bwlimit', '2M', 'fresh', 'gdp://v/dumb'];
    const { code, screen } = await runOnTerminal(args, {
      ...line.options,
      term: 'dumb',
      columns: 80,
    });
    assert.equal(code, 0);
    assert.match(screen, /^gdpfs: copied 1 file, [ -~]+\n$/);
  },
);

for (const [key, typed, expected, last, content] of [
  ['yes', 'y\r', 0, /copied 1 file, 1 B /, 'b'],
  ['the end of the input', '\u0004', 0, /copied 0 files in .*: 1 left as it was\n$/, 'a'],
  ['Ctrl-C', '\u0003', 130, /gdpfs: error: stopped before the end\n$/, 'a'],
] as const) {
  test(
    `gdpfs cp that asks whether to replace takes ${key} for an answer`,
    needsTerminal,
    async () => {
      await line.succeeds(['cp', '-fq', 'tree/a', 'gdp://v/asked']);
      const { code, screen } = await runOnTerminal(['cp', 'tree/b', 'gdp://v/asked'], {
        ...line.options,
        term: 'xterm',
        columns: 80,
        answer: typed,
      });
      assert.equal(code, expected, screen);
      assert.match(screen, last);
      assert.equal(await line.succeeds(['cat', 'gdp://v/asked']), content);
    },
  );
}

// The last one: there is no server any more.
test('gdpfs cp on a terminal says what it waits for', needsTerminal, async () => {
  await line.server.kill();
  const args = ['cp', 'tree/a', 'gdp://v/waiting'];
  const { code, screen } = await runOnTerminal(args, {
    ...line.options,
    term: 'xterm',
    columns: 100,
  });
  assert.equal(code, 69);
  // The second is what a proxy in front of the server knows, which takes so long that the pause may be over when it is shown.
  assert.match(
    screen,
    /\r.*waiting for the server: (nothing listens there|it does not answer the proxy), (next try in \d+ s|trying again)/,
  );
  assert(screen.includes(`\r${CLEAR_TO_END}gdpfs: error: cannot reach `), screen);
});
