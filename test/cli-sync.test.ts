import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CliResult, runCli } from './support/cli.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './support/server.ts';
import { describeTree } from './support/tree.ts';

/** `gdpfs sync` as a user runs it. */

let stack: AsyncDisposableStack;
let folder: string;
let server: ServerProcess;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerProcess(join(folder, 'data')));
  await run(['login', server.url, '-'], `${server.adminToken}\n`);
  await run(['volume', 'create', 'v']);
  write({ 'tree/a.txt': 'one', 'tree/d/b.txt': 'two', 'tree/d/c.tmp': 'three' });
});
after(() => stack.disposeAsync());

async function run(args: readonly string[], input = ''): Promise<CliResult> {
  const result = await runCli(args, { home: join(folder, 'home'), cwd: folder, input });
  assert.equal(result.code, 0, `gdpfs ${args.join(' ')}\n${result.stderr}`);
  return result;
}

async function fails(args: readonly string[], code: number): Promise<string> {
  const result = await runCli(args, { home: join(folder, 'home'), cwd: folder });
  assert.equal(result.code, code, result.stderr);
  return result.stderr;
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

describe('gdpfs sync', () => {
  test('says with --dry-run what it would do, and does it without', async () => {
    const dry = await run(['sync', '-n', '--exclude', '*.tmp', 'tree', 'gdp://v/tree']);
    assert.equal(dry.stdout, 'copy a.txt (new, 3 B)\nmake directory d\ncopy d/b.txt (new, 3 B)\n');
    assert.match(dry.stderr, /would copy 2 files \(6 B\), change 1 other name\n$/);
    assert.equal((await run(['ls', 'gdp://v'])).stdout, '');
    // The slash at the end means nothing.
    await run(['sync', '--exclude', '*.tmp', 'tree/', 'gdp://v/tree/']);
    assert.equal((await run(['ls', '-r', 'gdp://v/tree'])).stdout, 'a.txt\nd/\nd/b.txt\n');
    assert.equal((await run(['sync', '-n', '--exclude=*.tmp', 'tree', 'gdp://v/tree'])).stdout, '');
  });

  test('takes the first of all patterns that matches, in the order of the options', async () => {
    write({ rules: '# no texts\n- *.txt\n' });
    const lines = async (...options: string[]): Promise<string> => {
      return (await run(['sync', '-n', ...options, 'tree', 'gdp://v/patterns'])).stdout;
    };
    const kept = 'copy a.txt (new, 3 B)\nmake directory d\ncopy d/c.tmp (new, 5 B)\n';
    assert.equal(await lines('--include', 'a.txt', '--filter-from', 'rules'), kept);
    assert.doesNotMatch(await lines('--filter-from', 'rules', '--include', 'a.txt'), /a\.txt/);
  });

  test('removes with --delete, but never more than --max-delete', async () => {
    await run(['sync', 'tree', 'gdp://v/deleted']);
    write({ 'less/a.txt': 'one' });
    const args = ['sync', '--checksum', '--delete', 'less', 'gdp://v/deleted'];
    assert.match(await fails([...args, '--max-delete', '2'], 64), /3 names would be removed/);
    await run([...args, '--max-delete', '3']);
    assert.equal((await run(['ls', '-r', 'gdp://v/deleted'])).stdout, 'a.txt\n');
  });

  test('writes a plan, and applies it as long as nothing changed', async () => {
    write({ 'planned/x': '1' });
    await run(['sync', '--plan', 'plan', 'planned', 'gdp://v/planned']);
    assert.equal(readFileSync(join(folder, 'plan'), 'utf8').trimEnd().split('\n').length, 2);
    await run(['sync', '--apply', 'plan']);
    assert.equal((await run(['cat', 'gdp://v/planned/x'])).stdout, '1');
    assert.match(await fails(['sync', '--apply', 'plan'], 73), /is not as it was/);
  });

  test('brings a tree back, and tells programs what it did', async () => {
    await run(['sync', 'tree', 'gdp://v/both']);
    const { stdout } = await run(['sync', '--json', 'gdp://v/both', 'back']);
    const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { files: number };
    assert.equal(summary.files, 3);
    assert.deepEqual(describeTree(join(folder, 'back')), describeTree(join(folder, 'tree')));
    rmSync(join(folder, 'tree/d'), { recursive: true });
    await run(['sync', '--delete', 'tree', 'gdp://v/both']);
    await run(['sync', '--delete', 'gdp://v/both', 'back']);
    assert(!existsSync(join(folder, 'back/d')));
  });

  test('refuses options that contradict each other', async () => {
    const options = [
      ['--checksum', '--size-only'],
      ['--update', '--ignore-existing'],
      ['--apply', 'plan', '--dry-run'],
    ];
    for (const some of options) {
      assert.match(await fails(['sync', ...some, 'tree', 'gdp://v/x'], 64), /together/);
    }
    assert.match(await fails(['sync', 'tree'], 64), /need a source and a destination/);
  });
});
