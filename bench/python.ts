import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { count, mebibytes, median } from './figures.ts';
import { type Link, LOOPBACK } from './link.ts';
import { openRelayLink } from './relay.ts';
import type { Row } from './report.ts';
import { makeFile, MIB } from './sources.ts';
import { openStage } from './stage.ts';

const PACKAGE = join(import.meta.dirname, '../python');
const PYTHON = join(PACKAGE, '.venv/bin/python');
const PROGRAM = join(PACKAGE, 'bench/fsspec_files.py');
/** What is read on loopback, and of which ranges are read with a round trip between. */
const NEAR_BYTES = 1024 * MIB;
const FAR_BYTES = 256 * MIB;
/** Half a round trip. */
const DELAYS_MS = [1, 10];
const SEQUENTIAL_GOAL = 400e6;
const RANGES_GOAL = 10;
const WRITE_GOAL = 0.5;

/** What the program prints: bytes, and seconds of each thing, also of CPU in the program and in the server. */
interface RangeFigures {
  readonly bytes: number;
  readonly ranges: number;
  readonly oneByOne: number;
  readonly oneByOneCpu: number;
  readonly oneByOneServerCpu: number;
  readonly together: number;
  readonly togetherCpu: number;
  readonly togetherServerCpu: number;
}

interface Figures extends RangeFigures {
  readonly writeBytes: number;
  readonly sequential: number;
  readonly local: number;
  readonly localHashed: number;
  readonly write: number;
  readonly localWrite: number;
}

/** The Python package beside the local disk, with and without a round trip. */
export async function python(conditions: Conditions): Promise<void> {
  const { report, scale } = conditions;
  if (!existsSync(PYTHON)) {
    report.skip('the Python package', 'there is no python/.venv, "npm run test:python" makes it');
    return;
  }
  const near = await measure<Figures>(conditions, LOOPBACK, NEAR_BYTES * scale);
  report.section('Python, fsspec', 'Every byte that gdpfs hands out was verified.', [
    ...fileRows(near),
    rangesRow(near, 0),
  ]);
  const size = FAR_BYTES * scale;
  const small = await measure<RangeFigures>(conditions, LOOPBACK, size, '--only-ranges');
  report.section('Python, fsspec, a smaller file', 'It has smaller chunks.', [rangesRow(small, 0)]);
  for (const delayMs of DELAYS_MS) {
    await using link = openRelayLink(delayMs);
    const far = await measure<RangeFigures>(conditions, link, size, '--only-ranges');
    const note = `The delay is made by ${link.description}.`;
    report.section(`Python, fsspec, a round trip of ${2 * delayMs} ms`, note, [
      rangesRow(far, 2 * delayMs),
    ]);
  }
}

/** Of each figure the median of all runs. */
async function measure<Kind extends RangeFigures>(
  { runs, signal }: Conditions,
  link: Link,
  size: number,
  ...options: string[]
): Promise<Kind> {
  await using stage = await openStage({ signal, link });
  const { folder, user, server } = stage;
  const path = join(folder, 'large');
  makeFile(path, Math.ceil(size / MIB) * MIB);
  await run(user, 'cp', path, 'gdp://bench/large');
  const env = { ...process.env, GDPFS_HOME: user.home };
  const all: Record<string, number>[] = [];
  for (let round = 0; round < runs; round += 1) {
    const { stdout } = await promisify(execFile)(
      PYTHON,
      [PROGRAM, 'gdp://bench', path, String(server.pid), ...options],
      { env, signal },
    );
    all.push(JSON.parse(stdout) as Record<string, number>);
  }
  rmSync(path);
  const [first] = all;
  if (first === undefined) throw new Error('nothing was measured');
  const medians = Object.keys(first).map((name) => [
    name,
    median(all.map((figures) => figures[name] ?? Number.NaN)),
  ]);
  return Object.fromEntries(medians) as Kind;
}

function fileRows(figures: Figures): Row[] {
  const { bytes, writeBytes, sequential, local, localHashed, write, localWrite } = figures;
  const rate = bytes / sequential;
  const share = local / sequential;
  const ratio = localWrite / write;
  return [
    {
      what: `fsspec reads a file of ${mebibytes(bytes)}`,
      measured: megabytesPerSecond(rate),
      beside:
        `local file, in the system's cache: ${megabytesPerSecond(bytes / local)}, ` +
        `with SHA-256 ${megabytesPerSecond(bytes / localHashed)}`,
      ratio: { key: 'fsspec, read', value: share, range: [share, share] },
      goal: {
        text: `≥ ${megabytesPerSecond(SEQUENTIAL_GOAL)}`,
        isReached: rate >= SEQUENTIAL_GOAL,
      },
    },
    {
      what: `fsspec writes a file of ${count(writeBytes / 1e6)} MB`,
      measured: megabytesPerSecond(writeBytes / write),
      beside: `local file with fsync: ${megabytesPerSecond(writeBytes / localWrite)}`,
      ratio: { key: 'fsspec, write', value: ratio, range: [ratio, ratio] },
      goal: { text: `≥ ${WRITE_GOAL}×`, isReached: ratio >= WRITE_GOAL },
    },
  ];
}

function rangesRow(figures: RangeFigures, roundTripMs: number): Row {
  const { bytes, ranges, oneByOne, together } = figures;
  const ratio = oneByOne / together;
  return {
    what: `fsspec cat_ranges, ${count(ranges)} times 64 KiB of ${mebibytes(bytes)}`,
    measured: `${together.toFixed(2)} s${cpuText(figures.togetherCpu, figures.togetherServerCpu)}`,
    beside: `one by one ${oneByOne.toFixed(2)} s${cpuText(figures.oneByOneCpu, figures.oneByOneServerCpu)}`,
    ratio: {
      key: `fsspec, ranges of ${bytes}, ${roundTripMs} ms`,
      value: ratio,
      range: [ratio, ratio],
    },
    goal: { text: `≥ ${RANGES_GOAL}×`, isReached: ratio >= RANGES_GOAL },
  };
}

function cpuText(client: number, server: number): string {
  return ` (CPU ${client.toFixed(2)} s, server ${server.toFixed(2)} s)`;
}

function megabytesPerSecond(bytesPerSecond: number): string {
  return `${count(bytesPerSecond / 1e6)} MB/s`;
}
