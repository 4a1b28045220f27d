/**
 * `npm run bench -- [--only NAME] [--runs N] [--scale X] [--quick] [--write]`: measures gdpfs beside
 * its peers, and what else the README claims. `--write` puts the result into docs/benchmarks.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { authorize } from './authorize.ts';
import type { Benchmark } from './benchmark.ts';
import { commandStart } from './command-start.ts';
import { formatDocument } from './document.ts';
import { killed } from './killed.ts';
import { largeDirectory } from './large-directory.ts';
import { largeFile, largeFileInMemory } from './large-file.ts';
import { peakMemory } from './peak-memory.ts';
import { python } from './python.ts';
import { Report } from './report.ts';
import { roundTrip } from './round-trip.ts';
import { smallFiles } from './small-files.ts';
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

  authorize,
};

/** Enough to see that everything runs; too little for figures. */
const QUICK = { runs: '1', scale: '0.1' };
const FULL = { runs: '3', scale: '1' };

const DOCUMENT = join(import.meta.dirname, '../docs/benchmarks.md');

async function main(signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: Object.keys(BENCHMARKS) },
      runs: { type: 'string' },
      scale: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const preset = values.quick ? QUICK : FULL;
  const runs = Math.ceil(positive('runs', values.runs ?? preset.runs));
  const scale = positive('scale', values.scale ?? preset.scale);
  const chosen = values.only.map((name): [string, Benchmark] => {
    const benchmark = BENCHMARKS[name];
    if (benchmark !== undefined) return [name, benchmark];
    throw new Error(`no benchmark "${name}"; there are ${Object.keys(BENCHMARKS).join(', ')}`);
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

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`cannot use --${name} ${JSON.stringify(text)}: need a positive number`);
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
  if (!controller.signal.aborted) throw error;
  print(String(controller.signal.reason));
  process.exitCode = 1;
}
