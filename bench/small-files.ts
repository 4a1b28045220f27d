import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../tools/gdpfs-process.ts';
import { count, measure, median, part, type Row, type Stage } from './stage.ts';

const FILES = 10_000;
const FILES_PER_DIRECTORY = 100;
const FILE_BYTES = 4096;

/** 10,000 files of 4 KiB, up and down, beside what cp(1) does with them. */
export async function smallFiles({ folder, user, runs, scale }: Stage): Promise<Row[]> {
  const files = Math.round(FILES * scale);
  const source = join(folder, 'small');
  makeTree(source, files);
  const up: number[] = [];
  const down: number[] = [];
  const plain: number[] = [];
  const commits: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const before = await countCommits(user);
    const remote = `gdp://bench/small-${index}`;
    up.push(rateOf(files, (await measure(user, 'cp', '-r', source, remote)).elapsedMs));
    commits.push((await countCommits(user)) - before);
    const target = join(folder, `small-back-${index}`);
    down.push(rateOf(files, (await measure(user, 'cp', '-r', remote, target)).elapsedMs));
    const startMs = performance.now();
    execFileSync('cp', ['-r', source, join(folder, `small-plain-${index}`)]);
    plain.push(rateOf(files, performance.now() - startMs));
  }
  const limit = (rates: readonly number[]): string => {
    return `cp -r ${count(median(plain))} files/s, ${part(median(rates), median(plain))}`;
  };
  const what = `${count(files)} files of 4 KiB`;
  return [
    {
      what: `${what}, up`,
      measured: `${count(median(up))} files/s`,
      limit: limit(up),
      goal: '≥ 5,000 files/s',
    },
    { what: `${what}, down`, measured: `${count(median(down))} files/s`, limit: limit(down) },
    {
      what: `${what}, commits`,
      measured: count(median(commits)),
      goal: 'one for up to 1,000 files, two for the directory',
    },
  ];
}

export function makeTree(
  root: string,
  files: number,
  filesPerDirectory = FILES_PER_DIRECTORY,
): void {
  const bytes = Buffer.alloc(FILE_BYTES);
  for (let index = 0; index < files; index += 1) {
    const directory = join(root, String(Math.floor(index / filesPerDirectory)));
    if (index % filesPerDirectory === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file-${index}`), randomFillSync(bytes));
  }
}

function rateOf(files: number, elapsedMs: number): number {
  return files / (elapsedMs / 1000);
}

async function countCommits(user: Stage['user']): Promise<number> {
  const { stdout } = await run(user, 'verify', '--no-data', '--json', 'gdp://bench');
  return (JSON.parse(stdout) as { checkpoints: number }).checkpoints;
}
