import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const PROJECT = join(import.meta.dirname, '..');
const EXAMPLES = join(PROJECT, 'examples');
const PYTHON = process.env['PYTHON'] ?? join(PROJECT, 'python/.venv/bin/python');

async function runExample(name: string): Promise<string> {
  const child = spawn(process.execPath, [join(EXAMPLES, 'run.ts'), name, '--quick'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHON },
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Why an example cannot run here, if it cannot: `needed` are Python modules. */
function whyNot(...needed: readonly string[]): string | undefined {
  if (!existsSync(PYTHON)) return 'there is no python/.venv: npm run test:python makes it';
  const { status } = spawnSync(PYTHON, ['-c', `import ${needed.join(', ')}`]);
  return status === 0 ? undefined : `Python cannot import ${needed.join(', ')}`;
}

/** That the epoch taught something, and that the checkpoint is what was trained. */
function checkTraining(output: string): void {
  const found = [...output.matchAll(/accuracy ([\d.]+) ?%/g)].map(([, share]) => Number(share));
  assert.equal(found.length, 2, output);
  assert(found[0] !== undefined && found[0] > 60, output);
  assert.equal(found[1], found[0], 'the restored model is the trained one');
}

test('the example mnist-tfjs trains, saves and restores', async () => {
  checkTraining(await runExample('mnist-tfjs'));
});

test('the example mnist-tensorflow trains, saves and restores', async (context) => {
  const reason = whyNot('gdpfs', 'tensorflow');
  if (reason !== undefined) return context.skip(reason);
  checkTraining(await runExample('mnist-tensorflow'));
});

test('the example pandas reads what it wrote', async (context) => {
  const reason = whyNot('gdpfs', 'pandas', 'pyarrow');
  if (reason !== undefined) return context.skip(reason);
  const output = await runExample('pandas');
  assert.match(output, /CSV: 10000 rows, equal/);
  assert.match(output, /Parquet: 10000 rows, equal/);
});

test('the example datasets reads all rows, whole and streamed', async (context) => {
  const reason = whyNot('gdpfs', 'datasets');
  if (reason !== undefined) return context.skip(reason);
  const output = await runExample('datasets');
  assert.match(output, /whole: 2000 rows/);
  assert.match(output, /streamed: 2000 rows/);
});

test('the example pytorch reads every picture through its workers', async (context) => {
  const reason = whyNot('gdpfs', 'torch');
  if (reason !== undefined) return context.skip(reason);
  assert.match(await runExample('pytorch'), /200 pictures through 2 workers/);
});

test('every example is in the index', () => {
  const index = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
  const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  assert(folders.length > 0);
  for (const { name } of folders) assert(index.includes(`| [${name}](`), name);
});
