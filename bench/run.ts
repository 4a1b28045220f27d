/** `npm run bench`: measures gdpfs beside its peers, and what else the README claims. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { custody } from './custody.ts';
import { authorize } from './authorize.ts';
import type { Benchmark } from './benchmark.ts';
import { bookkeeping } from './bookkeeping.ts';
import { commandStart } from './command-start.ts';
import { formatDocument } from './document.ts';
import { removeKeptTrees } from './kept-trees.ts';
import { killed } from './killed.ts';
import { largeDirectory } from './large-directory.ts';
import { largeFile, largeFileInMemory } from './large-file.ts';
import { peakMemory } from './peak-memory.ts';
import { python } from './python.ts';
import { Report } from './report.ts';
import { roundTrip } from './round-trip.ts';
import { smallFiles } from './small-files.ts';
import { tensorflow } from './tensorflow.ts';
import { unchanged } from './unchanged.ts';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  start: commandStart,
  small: smallFiles,
  large: largeFile,
  ram: largeFileInMemory,
  far: roundTrip,
  list: largeDirectory,
  unchanged,
  killed,
  memory: peakMemory,
  python,
  tensorflow,
  authorize,
  custody,
  bookkeeping,
};

/** Enough to see that everything runs; too little for figures. */
const QUICK = { runs: '1', scale: '0.1' };
const FULL = { runs: '3', scale: '1' };

const USAGE = `usage: npm run bench -- [--only NAME]... [--runs N] [--scale X] [--quick] [--write]

Measures the built program (npm run build) beside its peers (bench/peers.sh installs them).

  --only NAME   only this benchmark, and others named so; of
                ${Object.keys(BENCHMARKS).join(', ')}
  --runs N      rounds, of which medians are taken (default ${FULL.runs})
  --scale X     part of the full sizes (default ${FULL.scale})
  --quick       --runs ${QUICK.runs} --scale ${QUICK.scale}: does everything run? The figures say little
  --write       put the result into docs/benchmarks.md
  --help        show this
`;

/** What the command line asks for cannot be done. */
class UsageError extends Error {}

const DOCUMENT = join(import.meta.dirname, '../docs/benchmarks.md');

async function main(signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  const values = parseOptions();
  if (values.help) return void process.stdout.write(USAGE);
  const preset = values.quick ? QUICK : FULL;
  const runs = Math.ceil(positive('runs', values.runs ?? preset.runs));
  const scale = positive('scale', values.scale ?? preset.scale);
  const chosen = values.only.map((name): [string, Benchmark] => {
    const benchmark = BENCHMARKS[name];
    if (benchmark !== undefined) return [name, benchmark];
    throw new UsageError(`there is no benchmark "${name}"`);
  });
  const report = new Report(print);
  for (const [name, benchmark] of chosen) {
    const beganMs = performance.now();
    await benchmark({ runs, scale, signal, report });
    print(`${name} took ${minutes(performance.now() - beganMs)}`);
  }
  const elapsedMs = performance.now() - startMs;
  print(`all took ${minutes(elapsedMs)}`);
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  if (values.write) writeFileSync(DOCUMENT, formatDocument(report, { command, runs, elapsedMs }));
}

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: Object.keys(BENCHMARKS) },
        runs: { type: 'string' },
        scale: { type: 'string' },
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new UsageError(`cannot use --${name} ${JSON.stringify(text)}: need a positive number`);
}

function minutes(ms: number): string {
  return `${(ms / 60_000).toFixed(1)} minutes`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
}
try {
  await main(controller.signal);
} catch (error) {
  if (controller.signal.aborted) print(String(controller.signal.reason));
  else if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${USAGE}`);
  else throw error;
  process.exitCode = 1;
} finally {
  await removeKeptTrees();
}
