import { join } from 'node:path';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import type { PeerName } from './contender.ts';
import { compete, ROUNDS_BEFORE, type Source } from './contest.ts';
import { contestRows, FILES, type RatioGoal } from './contest-rows.ts';
import { count } from './figures.ts';
import { gdpfs } from './gdpfs.ts';
import { openPeers } from './peers/open.ts';
import { makeTree } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const TREE_FILES = 10_000;
/** Those that take minutes get fewer files; what counts is the rate. */
const SLOW: SlowPeers = { names: ['rclone, webdav'], part: 0.1 };
const FILES_PER_COMMIT = 1_000;
/** The directory, and a small first stream. */
const COMMITS_BESIDE = 2;

export const SMALL_GOALS: Partial<Readonly<Record<PeerName, RatioGoal>>> = {
  'tar | ssh': { atLeast: 1 },
  'rsync over ssh': { atLeast: 1 },
  scp: { atLeast: 1 },
  'rclone, webdav': { atLeast: 10 },
};

/** 10,000 files of 4 KiB, up and down. */
export async function smallFiles(conditions: Conditions): Promise<void> {
  const { runs, scale, signal, report } = conditions;
  const files = Math.ceil(TREE_FILES * scale);
  await using stage = await openStage({ signal, hasTrees: true });
  const { folder, link } = stage;
  const names = ['tar | ssh', 'rsync over ssh', 'scp', 'rclone, webdav'] as const;
  await using peers = await openPeers({ names, folder, link, signal, report });
  const commitsBefore = await countCommits(stage);
  const results = await compete({
    kind: 'tree',
    contenders: [gdpfs(stage), ...peers.contenders],
    runs,
    folder,
    signal,
    prepare: (round) => treesOf(folder, { round, files, slow: SLOW }),
  });
  const what = `${count(files)} files of 4 KiB`;
  const remarks = remarksOn(SLOW, files);
  const goal = (peer: PeerName): RatioGoal | undefined => SMALL_GOALS[peer];
  const rows = contestRows(results, { what, key: 'small', unit: FILES, goal, remarks });
  const commits = ((await countCommits(stage)) - commitsBefore) / (ROUNDS_BEFORE.tree + runs);
  const most = Math.ceil(files / FILES_PER_COMMIT) + COMMITS_BESIDE;
  rows.push({
    what: `${what}, commits`,
    measured: commits.toFixed(1),
    goal: { text: `≤ ${most}`, isReached: commits <= most },
  });
  report.section('Small files', '', rows);
}

export interface SlowPeers {
  readonly names: readonly PeerName[];
  /** Of the files, for them. */
  readonly part: number;
}

/** New trees for one round; the result says which of them is a contender's. */
export function treesOf(
  folder: string,
  {
    round,
    files,
    slow,
  }: { readonly round: number; readonly files: number; readonly slow: SlowPeers },
): (contender: { readonly name: string }) => Source {
  const whole = { path: join(folder, `tree-${round}`), amount: files };
  const part = { path: join(folder, `part-${round}`), amount: Math.ceil(files * slow.part) };
  for (const { path, amount } of [whole, part]) makeTree(path, amount);
  const names: readonly string[] = slow.names;
  return ({ name }) => (names.includes(name) ? part : whole);
}

export function remarksOn(
  { names, part }: SlowPeers,
  files: number,
): Partial<Readonly<Record<PeerName, string>>> {
  const remark = `rate of ${count(Math.ceil(files * part))} files`;
  return Object.fromEntries(names.map((name) => [name, remark]));
}

async function countCommits({ user }: Stage): Promise<number> {
  const { stdout } = await run(user, 'verify', '--no-data', '--json', 'gdp://bench');
  return (JSON.parse(stdout) as { checkpoints: number }).checkpoints;
}
