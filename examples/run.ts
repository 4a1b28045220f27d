/**
 * Runs an example: `npm run example -- NAME [--volume gdp://VOLUME/PATH] [--quick]`. Without `--volume`
 * it starts a server of its own in a temporary folder, with a user and a volume, and takes all of it
 * away at the end; with it, the example works there as whoever is logged in, and what it makes stays.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run, startServer } from '../tools/gdpfs-process.ts';

const FOLDER = import.meta.dirname;
const VENV_PYTHON = join(FOLDER, '../python/.venv/bin/python');
/** Made beside it where the system has PyTorch and the environment has not. */
const TORCH_PYTHON = join(FOLDER, '../python/.venv-torch/bin/python');

/** Programs that an example consists of, one behind the other; they get the URL of a directory. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  'mnist-tfjs': ['mnist-records.ts', 'mnist-tfjs/main.ts'],
  'mnist-tensorflow': ['mnist-records.ts', 'mnist-tensorflow/main.py'],
  pandas: ['pandas/main.py'],
  pytorch: ['pytorch/main.py'],
  datasets: ['datasets/main.py'],
  zarr: ['zarr/main.py'],
  webdataset: ['webdataset/main.py'],
};

interface Stage {
  /** Of a directory that the example may fill. */
  readonly url: string;
  /** GDPFS_HOME; that of the user if absent. */
  readonly home?: string;
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

async function main(signal: AbortSignal): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { volume: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const programs = EXAMPLES[positionals[0] ?? ''];
  if (programs === undefined || positionals.length !== 1) {
    throw new Error(`which example? one of: ${Object.keys(EXAMPLES).join(', ')}`);
  }
  const { volume: url, quick } = values;
  if (url !== undefined) return await perform(programs, { url, quick, signal });
  const folder = await mkdtemp(join(tmpdir(), 'gdpfs-example-'));
  try {
    const home = join(folder, 'home');
    const user = { home, signal };
    await using server = await startServer(user, join(folder, 'data'));
    await run(user, 'login', server.url, server.token);
    await run(user, 'volume', 'create', 'examples');
    await perform(programs, { url: 'gdp://examples', home, quick, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function perform(programs: readonly string[], stage: Stage): Promise<void> {
  for (const program of programs) await runProgram(program, stage);
}

async function runProgram(program: string, { url, home, quick, signal }: Stage): Promise<void> {
  const path = join(FOLDER, program);
  // TensorFlow says a lot at start that is no news.
  const env = {
    TF_CPP_MIN_LOG_LEVEL: '2',
    ...process.env,
    ...(home === undefined ? {} : { GDPFS_HOME: home }),
  };
  const [file, ...args] = [...interpreterOf(program), path, url, ...(quick ? ['--quick'] : [])];
  const child = spawn(file ?? '', args, { stdio: 'inherit', env, signal });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}${setupHint(file ?? '')}`);
}

/** Where the system's Python runs it, that lacks something more likely than not. */
function setupHint(interpreter: string): string {
  if (interpreter !== 'python3') return '';
  return '; "npm run test:python -- --only-setup" makes an environment with all that it needs';
}

function interpreterOf(program: string): readonly string[] {
  // From the source, without a build.
  if (program.endsWith('.ts')) return [process.execPath, '--conditions=gdpfs-source'];
  // PYTHON is one that has the package; the others were made by `npm run test:python`.
  const made = [...(program.startsWith('pytorch/') ? [TORCH_PYTHON] : []), VENV_PYTHON];
  return [process.env['PYTHON'] ?? made.find((python) => existsSync(python)) ?? 'python3'];
}

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
}
try {
  await main(controller.signal);
} catch (error) {
  process.stderr.write(`example: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
