import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { count, mebibytes, median } from './figures.ts';
import { withMount } from './peers/mount.ts';
import type { Row } from './report.ts';
import { MIB } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const PACKAGE = join(import.meta.dirname, '../python');
const PYTHON = join(PACKAGE, '.venv/bin/python');
const PROGRAM = join(PACKAGE, 'bench/tensorflow_files.py');

/** Fits into the memory cache of 256 MiB; the small cache below holds a sixth of it. */
const DATA_BYTES = 192 * MIB;
const SMALL_MEMORY = '32M';
/** For each round that is asked for: what half a second takes differs much, also from the local disk. */
const ROUNDS = 2;
const WARM_GOAL = 0.9;
const FIRST_GOAL = 0.5;
const CHECKPOINT_GOAL = 2;

/** Seconds, and those of CPU time that the process with TensorFlow took. */
type Timed<Name extends string> = { readonly [Key in Name | `${Name}Cpu`]: number };

type ReadFigures = Timed<'cold' | 'first' | 'local' | 'warm'> & { readonly bytes: number };

type RestoreFigures = Timed<'localRestore' | 'restore'>;

/** What a process says that saves, and restores. */
interface SaveFigures extends RestoreFigures, Timed<'localSave' | 'save'> {
  readonly bytes: number;
}

interface Saving {
  readonly own: SaveFigures;
  /** By a process that did not save it. */
  readonly elsewhere: RestoreFigures;
}

/** TensorFlow over the plugin, beside the same TensorFlow on the local disk. */
export async function tensorflow(conditions: Conditions): Promise<void> {
  const { report, scale, signal } = conditions;
  if (!existsSync(PYTHON)) {
    report.skip('TensorFlow', 'there is no python/.venv, "npm run test:python" makes it');
    return;
  }
  await using stage = await openStage({ signal });
  const { folder } = stage;
  const size = DATA_BYTES * scale;
  const inMemory = await readRounds(conditions, stage, {});
  const onDisk = await readRounds(conditions, stage, {
    GDPFS_MEMORY_SIZE: SMALL_MEMORY,
    GDPFS_CACHE_DIR: join(folder, 'cache'),
  });
  const local = await makeRecords(stage, size);
  const mounted = await withMount(conditions, folder, local, (path) => {
    return python<ReadFigures>(stage, ['read', path, local, 'local', local]);
  });
  rmSync(local, { recursive: true });
  const saved = await savings(conditions, stage);
  report.section(
    'TensorFlow',
    'A first epoch reads what nobody has read before, and no cache has, also not that of the system; each round has ' +
      'records of its own, and local disk and gdpfs begin in turns. Warm epochs follow, and read from the ' +
      "system's cache what is on a disk: the local files, and those of the cache on disk. A checkpoint is restored from " +
      'memory by the process that saved it: from that of the system, and from its own. ' +
      'Client and server share the processors. CPU: seconds of the process with TensorFlow, through gdpfs + from the disk.',
    [
      ...epochRows('fits into memory', inMemory, mounted),
      ...epochRows('fits into the cache on disk only', onDisk, undefined),
      ...saveRows(saved),
    ],
  );
}

async function readRounds(
  { runs, scale }: Conditions,
  stage: Stage,
  env: Readonly<Record<string, string>>,
): Promise<ReadFigures[]> {
  const { folder, user } = stage;
  const rounds: ReadFigures[] = [];
  for (let round = 0; round < ROUNDS * runs; round += 1) {
    const local = await makeRecords(stage, DATA_BYTES * scale);
    const url = `gdp://bench/${basename(local)}`;
    await run(user, 'cp', '-r', local, url);
    const begins = round % 2 === 0 ? 'local' : 'remote';
    rounds.push(await python(stage, ['read', url, local, begins, join(folder, 'data')], env));
    rmSync(local, { recursive: true });
    const { GDPFS_CACHE_DIR: cache } = env;
    if (cache !== undefined) rmSync(cache, { recursive: true });
  }
  return rounds;
}

/** A folder with files of records that nobody has. */
async function makeRecords(stage: Stage, size: number): Promise<string> {
  const folder = join(stage.folder, `records-${randomUUID()}`);
  await python(stage, ['write', '-', folder, String(Math.ceil(size))]);
  return folder;
}

async function savings({ runs }: Conditions, stage: Stage): Promise<Saving[]> {
  const rounds: Saving[] = [];
  for (let round = 0; round < ROUNDS * runs; round += 1) {
    const folder = join(stage.folder, `checkpoint-${round}`);
    const url = `gdp://bench/checkpoint-${round}`;
    mkdirSync(folder);
    await run(stage.user, 'mkdir', url);
    const own = await python<SaveFigures>(stage, ['save', url, folder]);
    const elsewhere = await python<RestoreFigures>(stage, ['restore', url, folder]);
    rounds.push({ own, elsewhere });
    rmSync(folder, { recursive: true });
  }
  return rounds;
}

async function python<Figures>(
  { user }: Stage,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Figures> {
  const { stdout } = await promisify(execFile)(PYTHON, [PROGRAM, ...argv], {
    env: { ...process.env, GDPFS_HOME: user.home, TF_CPP_MIN_LOG_LEVEL: '3', ...env },
    signal: user.signal,
  });
  return JSON.parse(stdout) as Figures;
}

function medians<Figures extends object>(rounds: readonly Figures[]): Figures {
  const [first] = rounds;
  if (first === undefined) throw new Error('nothing was measured');
  const names = Object.keys(first) as (keyof Figures)[];
  const of = (name: keyof Figures): number => median(rounds.map((round) => Number(round[name])));
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Figures;
}

function epochRows(
  what: string,
  rounds: readonly ReadFigures[],
  mounted: ReadFigures | undefined,
): Row[] {
  const figures = medians(rounds);
  const { bytes } = figures;
  const rate = (seconds: number): string => `${count(bytes / seconds / 1e6)} MB/s`;
  const row = (
    title: string,
    measured: 'first' | 'warm',
    beside: 'cold' | 'local',
    goal: number,
  ): Row => {
    const single = rounds.map((round) => round[beside] / round[measured]);
    const value = median(single);
    const range = [Math.min(...single), Math.max(...single)] as const;
    return {
      what: `${title}, ${mebibytes(bytes)} of TFRecords, ${what}`,
      measured: rate(figures[measured]),
      beside: `local disk ${rate(figures[beside])}`,
      ratio: { key: `TensorFlow, ${title}, ${what}`, value, range },
      goal: { text: `≥ ${goal}×`, isReached: value >= goal },
      cpu: cpuOf(figures[`${measured}Cpu`], figures[`${beside}Cpu`]),
    };
  };
  const rows = [
    row('first epoch', 'first', 'cold', FIRST_GOAL),
    row('warm epoch', 'warm', 'local', WARM_GOAL),
  ];
  if (mounted === undefined) return rows;
  const { first } = figures;
  const value = mounted.first / first;
  const besideMount = {
    what: 'the first epoch beside an rclone mount of WebDAV over HTTPS',
    measured: rate(first),
    beside: rate(mounted.first),
    ratio: { key: 'TensorFlow, first epoch, rclone mount', value, range: [value, value] as const },
    goal: { text: '> 1×', isReached: value > 1 },
  };
  return [...rows, besideMount];
}

function cpuOf(ours: number, theirs: number): string {
  return `${ours.toFixed(2)} + ${theirs.toFixed(2)}`;
}

function saveRows(rounds: readonly Saving[]): Row[] {
  const saved = medians(rounds.map(({ own }) => own));
  const { bytes, save, localSave } = saved;
  const row = (by: string, restoredIn: (round: Saving) => RestoreFigures): Row => {
    const restored = medians(rounds.map(restoredIn));
    const { localRestore, restore } = restored;
    const single = rounds.map((round) => {
      const { own } = round;
      const again = restoredIn(round);
      return (own.localSave + again.localRestore) / (own.save + again.restore);
    });
    const value = median(single);
    return {
      what: `a checkpoint of ${count(bytes / 1e6)} MB is saved, and restored by ${by}`,
      measured: `${save.toFixed(2)} s and ${restore.toFixed(2)} s`,
      beside: `local disk with fsync ${localSave.toFixed(2)} s and ${localRestore.toFixed(2)} s`,
      ratio: {
        key: `TensorFlow, checkpoint, ${by}`,
        value,
        range: [Math.min(...single), Math.max(...single)],
      },
      goal: { text: `within ${CHECKPOINT_GOAL}×`, isReached: value >= 1 / CHECKPOINT_GOAL },
      cpu: cpuOf(
        saved.saveCpu + restored.restoreCpu,
        saved.localSaveCpu + restored.localRestoreCpu,
      ),
    };
  };
  return [
    row('the same process', ({ own }) => own),
    row('another process', ({ elsewhere }) => elsewhere),
  ];
}
