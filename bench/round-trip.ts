import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Conditions } from './benchmark.ts';
import type { Contender, Direction, PeerName } from './contender.ts';
import { compete } from './contest.ts';
import { contestRows, FILES, MEGABYTES, ratioKey, type RatioGoal } from './contest-rows.ts';
import { count, mebibytes } from './figures.ts';
import { gdpfs } from './gdpfs.ts';
import { LARGE_GOALS } from './large-file.ts';
import type { Link } from './link.ts';
import { NoNamespace, openNamespaceLink } from './namespace.ts';
import { openPeers } from './peers/open.ts';
import { openRelayLink } from './relay.ts';
import type { Report, Row } from './report.ts';
import { remarksOn, type SlowPeers, SMALL_GOALS, treesOf } from './small-files.ts';
import { makeFile, MIB } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const DELAY_MS = 10;
const FILE_BYTES = 256 * MIB;
/** As without delay: with fewer the start of a command would weigh more. */
const TREE_FILES = 10_000;
/** Those that wait for several round trips for each file. */
const SLOW: SlowPeers = { names: ['scp', 'rclone, webdav'], part: 0.02 };

/** Large and small files where a round trip takes 20 ms. */
export async function roundTrip(conditions: Conditions): Promise<void> {
  const { signal, report } = conditions;
  await using link = openDelayedLink(conditions);
  await using stage = await openStage({ signal, link, hasTrees: true });
  const { folder } = stage;
  const names = ['scp', 'rsync over ssh', 'tar | ssh', 'rclone, webdav', 'curl, nginx'] as const;
  await using peers = await openPeers({ names, folder, link, signal, report });
  const contenders = [gdpfs(stage), ...peers.contenders];
  const large = await copyLargeFile(conditions, { stage, contenders });
  const small = await copySmallFiles(conditions, { stage, contenders });
  const title = `A round trip of ${2 * DELAY_MS} ms`;
  report.section(title, `The delay is made by ${link.description}.`, [...large, ...small]);
}

interface Far {
  readonly stage: Stage;
  readonly contenders: readonly Contender[];
}

async function copyLargeFile(
  { runs, scale, signal, report }: Conditions,
  { stage: { folder }, contenders }: Far,
): Promise<Row[]> {
  const size = Math.ceil((FILE_BYTES * scale) / MIB) * MIB;
  const path = join(folder, 'large');
  const results = await compete({
    kind: 'file',
    contenders: contenders.filter(({ kinds }) => kinds.includes('file')),
    runs,
    folder,
    signal,
    prepare: () => {
      rmSync(path, { force: true });
      makeFile(path, size);
      return () => ({ path, amount: size });
    },
  });
  const what = `a file of ${mebibytes(size)}`;
  const goal = goalsFrom(report, 'large', LARGE_GOALS);
  return contestRows(results, { what, key: 'large, far', unit: MEGABYTES, goal });
}

async function copySmallFiles(
  { runs, scale, signal, report }: Conditions,
  { stage: { folder }, contenders }: Far,
): Promise<Row[]> {
  const files = Math.ceil(TREE_FILES * scale);
  const results = await compete({
    kind: 'tree',
    contenders: contenders.filter(({ kinds }) => kinds.includes('tree')),
    runs,
    folder,
    signal,
    prepare: (round) => treesOf(folder, { round, files, slow: SLOW }),
  });
  const what = `${count(files)} files of 4 KiB`;
  const remarks = remarksOn(SLOW, files);
  const goal = goalsFrom(report, 'small', SMALL_GOALS);
  return contestRows(results, { what, key: 'small, far', unit: FILES, goal, remarks });
}

/** The ratios must not be worse than those of the same run without delay; without such, the goals of those. */
function goalsFrom(
  report: Report,
  key: string,
  goals: Partial<Readonly<Record<PeerName, RatioGoal>>>,
): (peer: PeerName, direction: Direction) => RatioGoal | undefined {
  return (peer, direction) => {
    const near = report.ratioOf(ratioKey(key, peer, direction));
    if (goals[peer] === undefined || near === undefined) return goals[peer];
    return { atLeast: near, reason: 'as without delay' };
  };
}

function openDelayedLink({ report }: Conditions): Link {
  try {
    return openNamespaceLink(DELAY_MS);
  } catch (error) {
    if (!(error instanceof NoNamespace)) throw error;
    report.skip('a network namespace with netem', `${error.message}; a relay delays instead`);
    return openRelayLink(DELAY_MS);
  }
}
