import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { describeTree } from './support/tree.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** `gdpfs sync` as a user runs it. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'v']);
  write({ 'tree/a.txt': 'one', 'tree/d/b.txt': 'two', 'tree/d/c.tmp': 'three' });
});
after(() => line[Symbol.asyncDispose]());

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(line.path(path, '..'), { recursive: true });
    writeFileSync(line.path(path), content);
  }
}

describe('gdpfs sync', () => {
  test('says with --dry-run what it would do, and does it without', async () => {
    const dry = await line.run(['sync', '-n', '--exclude', '*.tmp', 'tree', 'gdp://v/tree']);
    assert.equal(dry.stdout, 'copy a.txt (new, 3 B)\nmake directory d\ncopy d/b.txt (new, 3 B)\n');
    assert.match(dry.stderr, /would copy 2 files \(6 B\), change 1 other name\n$/);
    assert.equal(await line.succeeds(['ls', 'gdp://v']), '');
    // The slash at the end means nothing.
    await line.succeeds(['sync', '--exclude', '*.tmp', 'tree/', 'gdp://v/tree/']);
    assert.equal(await line.succeeds(['ls', '-r', 'gdp://v/tree']), 'a.txt\nd/\nd/b.txt\n');
    assert.equal(
      await line.succeeds(['sync', '-n', '--exclude=*.tmp', 'tree', 'gdp://v/tree']),
      '',
    );
  });

  test('takes the first of all patterns that matches, in the order of the options', async () => {
    write({ rules: '# no texts\n- *.txt\n' });
    const lines = async (...options: string[]): Promise<string> => {
      return await line.succeeds(['sync', '-n', ...options, 'tree', 'gdp://v/patterns']);
    };
    const kept = 'copy a.txt (new, 3 B)\nmake directory d\ncopy d/c.tmp (new, 5 B)\n';
    assert.equal(await lines('--include', 'a.txt', '--filter-from', 'rules'), kept);
    assert.doesNotMatch(await lines('--filter-from', 'rules', '--include', 'a.txt'), /a\.txt/);
  });

  test('removes with --delete, but never more than --max-delete', async () => {
    await line.succeeds(['sync', 'tree', 'gdp://v/deleted']);
    write({ 'less/a.txt': 'one' });
    const args = ['sync', '--checksum', '--delete', 'less', 'gdp://v/deleted'];
    assert.match(await line.fails([...args, '--max-delete', '2'], 64), /3 names would be removed/);
    await line.succeeds([...args, '--max-delete', '3']);
    assert.equal(await line.succeeds(['ls', '-r', 'gdp://v/deleted']), 'a.txt\n');
  });

  test('writes a plan, and applies it as long as nothing changed', async () => {
    write({ 'planned/x': '1' });
    await line.succeeds(['sync', '--plan', 'plan', 'planned', 'gdp://v/planned']);
    assert.equal(readFileSync(line.path('plan'), 'utf8').trimEnd().split('\n').length, 2);
    await line.succeeds(['sync', '--apply', 'plan']);
    assert.equal(await line.succeeds(['cat', 'gdp://v/planned/x']), '1');
    assert.match(await line.fails(['sync', '--apply', 'plan'], 73), /is not as it was/);
  });

  test('brings a tree back, and tells programs what it did', async () => {
    await line.succeeds(['sync', 'tree', 'gdp://v/both']);
    const stdout = await line.succeeds(['sync', '--json', 'gdp://v/both', 'back']);
    const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { files: number };
    assert.equal(summary.files, 3);
    assert.deepEqual(describeTree(line.path('back')), describeTree(line.path('tree')));
    rmSync(line.path('tree/d'), { recursive: true });
    await line.succeeds(['sync', '--delete', 'tree', 'gdp://v/both']);
    await line.succeeds(['sync', '--delete', 'gdp://v/both', 'back']);
    assert(!existsSync(line.path('back/d')));
  });

  test('refuses options that contradict each other', async () => {
    const options = [
      ['--checksum', '--size-only'],
      ['--update', '--ignore-existing'],
      ['--apply', 'plan', '--dry-run'],
    ];
    for (const some of options) {
      assert.match(await line.fails(['sync', ...some, 'tree', 'gdp://v/x'], 64), /together/);
    }
    assert.match(await line.fails(['sync', 'tree'], 64), /need a source and a destination/);
  });
});
