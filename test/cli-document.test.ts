import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ERRORS } from '../src/base/errors.ts';
import { tableBelow } from './support/markdown.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** docs/cli.md says of exit codes and events what the program does. */

const TEXT = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'v']);
});
after(() => line[Symbol.asyncDispose]());

describe('docs/cli.md', () => {
  it('lists the exit code of every error', () => {
    const documented = tableBelow(TEXT, '## Exit codes').flatMap(([exit = '', , codes = '']) =>
      codes.split(', ').map((code) => [code, Number(exit)]),
    );
    const declared = Object.entries(ERRORS).map(([code, { exit }]) => [code, exit]);
    assert.deepEqual(Object.fromEntries(documented), Object.fromEntries(declared));
  });

  it('lists every option of sync, and no other', async () => {
    const { stdout } = await line.run(['sync', '--help']);
    const optionsIn = (text: string): string[] =>
      [...text.matchAll(/--[a-z][a-z0-9-]*/g)].map(([option]) => option);
    const [, help = ''] = stdout.split('Options:');
    const [options = ''] = help.split('Patterns:');
    const declared = options
      .split('\n')
      .flatMap((line) => optionsIn(/^ {2}(?:-\w, )?--\S+/.exec(line)?.[0] ?? ''));
    const [, section = ''] = TEXT.split('\n## Synchronization\n');
    const [documented = ''] = section.split('\n### Patterns\n');
    const shared = ['--help'];
    assert.deepEqual(new Set([...optionsIn(documented), ...shared]), new Set(declared));
  });

  it('lists the properties of every event', async () => {
    await mkdir(line.path('tree'));
    for (const name of ['a', 'b']) await writeFile(line.path('tree', name), name);
    // Slow enough for one look at how it goes.
    await writeFile(line.path('tree', 'large'), randomBytes(2_000_000));
    const runs = [
      ['cp', '-r', '--md5', '--bwlimit', '1M', 'tree', 'gdp://v/t'],
      ['cp', 'gone', 'tree/a', 'gdp://v/d/'],
      ['mv', 'gdp://v/d/a', 'gdp://v/d/b'],
      ['cp', 'tree/a', 'gdp://v/late'],
    ];
    const seen = new Set<string>();
    for (const args of runs) {
      const { stdout } = await line.run([...args, '--json']);
      for (const text of stdout.trimEnd().split('\n')) {
        const { event, ...properties } = JSON.parse(text) as { event: string };
        seen.add(event);
        assertDocumented(event, properties);
        // From now on there is nobody to answer.
        if (event === 'summary' && args.includes('mv')) await line.server.kill();
      }
    }
    const documented = [...TEXT.matchAll(/^### `(\w+)`$/gm)].map(([, event = '']) => event);
    assert.deepEqual(seen, new Set(documented));
  });
});

function assertDocumented(event: string, properties: Readonly<Record<string, unknown>>): void {
  const rows = tableBelow(TEXT, `### \`${event}\``).map(([name = '', type = '']) => ({
    name: name.replace('?', ''),
    isOptional: name.endsWith('?'),
    type,
  }));
  const unknown = Object.keys(properties).filter((key) => !rows.some(({ name }) => name === key));
  assert.deepEqual(unknown, [], `of ${event} everything is documented`);
  for (const { name, isOptional, type } of rows) {
    const value = properties[name];
    const isGood = value === undefined ? isOptional : isOf(type, value);
    assert(isGood, `${name} of ${event} is ${type}: ${JSON.stringify(properties)}`);
  }
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isSafeInteger(value);
  if (type === 'array of strings') {
    return Array.isArray(value) && value.every((each) => typeof each === 'string');
  }
  return typeof value === type;
}
