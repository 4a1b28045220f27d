/**
 * `npm run bench -- [--only NAME] [--runs N] [--scale X] [--write]`: measures what the README claims.
 * Every figure is a median, and stands beside a limit of the same machine in the same run.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commandStart } from './command-start.ts';
import { largeDirectory } from './large-directory.ts';
import { largeFile } from './large-file.ts';
import { smallFiles } from './small-files.ts';
import { openStage, type Row, type Stage } from './stage.ts';

interface Benchmark {
  readonly measure: (stage: Stage) => Promise<Row[]>;
  /** Where the data lies, if not in the temporary folder. */
  readonly parent?: string;
}

/** A file system in memory, where the disk is no limit. Linux has it. */
const MEMORY = '/dev/shm';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  start: { measure: commandStart },
  small: { measure: smallFiles },
  memory: { measure: largeFile, parent: MEMORY },
  large: { measure: largeFile },
  list: { measure: largeDirectory },
};

const DOCUMENT = join(import.meta.dirname, '../docs/benchmarks.md');

async function main(signal: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: Object.keys(BENCHMARKS) },
      runs: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      write: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  const scale = Number(values.scale);
  const rows: Row[] = [];
  for (const name of values.only) {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined) throw new Error(`no benchmark "${name}"`);
    const { parent } = benchmark;
    if (parent !== undefined && !existsSync(parent)) {
      print(`${name}: not run, there is no ${parent}`);
      continue;
    }
    // Each on a server of its own: none finds another's data, or memory.
    const place = parent === undefined ? {} : { parent };
    await using stage = await openStage({ runs, scale, signal, ...place });
    for (const measured of await benchmark.measure(stage)) {
      const where = parent === undefined ? '' : `, all data in ${parent}`;
      const row = { ...measured, what: measured.what + where };
      rows.push(row);
      print(`${row.what}: ${row.measured}${row.limit === undefined ? '' : ` (${row.limit})`}`);
    }
  }
  if (values.write) writeFileSync(DOCUMENT, formatDocument(rows, runs));
}

function formatDocument(rows: readonly Row[], runs: number): string {
  const [cpu] = cpus();
  const machine = [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
  ];
  const lines = rows.map(({ what, measured, limit = '', goal = '' }) => {
    return `| ${what} | **${measured}** | ${limit} | ${goal} |`;
  });
  return `# Benchmarks

Written by \`npm run bench -- --write\` on ${machine.join(', ')}. Client and server share the machine
and talk over loopback with TLS 1.3 and client certificates; every byte is verified by SHA-256 on
both sides, and durable before it is acknowledged. Medians of ${runs} runs of the real command line,
its start included. Absolute figures move between machines; look at the limits beside them, which
are from the same run.

| what | measured | limit of the machine | goal |
|---|---|---|---|
${lines.join('\n')}
`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
}
await main(controller.signal);
