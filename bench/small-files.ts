import { join } from 'node:path';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import type { PeerName } from './contender.ts';
import { compete } from './contest.ts';
import { contestRows, FILES, type RatioGoal } from './contest-rows.ts';
import { count } from './figures.ts';
import { gdpfs } from './gdpfs.ts';
import { openPeers } from './peers/open.ts';
import { makeTree } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const TREE_FILES = 10_000;
/** Those that take minutes get a tree of a tenth of the files; what counts is the rate. */
const SLOW_PEERS: readonly PeerName[] = ['rclone, webdav'];
const SLOW_PART = 0.1;
const FILES_PER_COMMIT = 1_000;
const COMMITS_OF_DIRECTORY = 2;

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
  await using stage = await openStage({ signal });
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
    prepare: (round) => treesOf(folder, { round, files, slowPeers: SLOW_PEERS }),
  });
  const what = `${count(files)} files of 4 KiB`;
  const remarks = remarksOn(SLOW_PEERS, files);
  const goal = (peer: PeerName): RatioGoal | undefined => SMALL_GOALS[peer];
  const rows = contestRows(results, { what, key: 'small', unit: FILES, goal, remarks });
  const commits = ((await countCommits(stage)) - commitsBefore) / runs;
  const most = Math.ceil(files / FILES_PER_COMMIT) + COMMITS_OF_DIRECTORY;
  rows.push({
    what: `${what}, commits`,
    measured: commits.toFixed(1),
    goal: { text: `≤ ${most}`, isReached: commits <= most },
  });
  report.section('Small files', '', rows);
}

export interface Trees {
  readonly round: number;
  readonly files: number;
  /** These get a smaller one. */
  readonly slowPeers: readonly PeerName[];
}

/** New trees for one round; a peer's source among them. */
export function treesOf(
  folder: string,
  { round, files, slowPeers }: Trees,
): (contender: { readonly name: string }) => { readonly path: string; readonly amount: number } {
  const whole = { path: join(folder, `tree-${round}`), amount: files };
  const part = { path: join(folder, `part-${round}`), amount: Math.ceil(files * SLOW_PART) };
  for (const { path, amount } of [whole, part]) makeTree(path, amount);
  const slow: readonly string[] = slowPeers;
  return ({ name }) => (slow.includes(name) ? part : whole);
}

export function remarksOn(
  slowPeers: readonly PeerName[],
  files: number,
): Partial<Readonly<Record<PeerName, string>>> {
  const remark = `rate of ${count(Math.ceil(files * SLOW_PART))} files`;
  return Object.fromEntries(slowPeers.map((name) => [name, remark]));
}

async function countCommits({ user }: Stage): Promise<number> {
  const { stdout } = await run(user, 'verify', '--no-data', '--json', 'gdp://bench');
  return (JSON.parse(stdout) as { checkpoints: number }).checkpoints;
}
