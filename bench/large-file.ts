import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Conditions } from './benchmark.ts';
import type { PeerName } from './contender.ts';
import { compete } from './contest.ts';
import { contestRows, MEGABYTES, type RatioGoal } from './contest-rows.ts';
import { mebibytes } from './figures.ts';
import { gdpfs } from './gdpfs.ts';
import { openPeers } from './peers/open.ts';
import { makeFile, MIB } from './sources.ts';
import { openStage } from './stage.ts';

const FILE_BYTES = 2048 * MIB;
/** A file system in memory, where the disk is no limit. Linux has it. */
const MEMORY = '/dev/shm';

const FASTER: RatioGoal = { atLeast: 1 };

export const LARGE_GOALS: Partial<Readonly<Record<PeerName, RatioGoal>>> = {
  scp: FASTER,
  'rsync over ssh': FASTER,
  'rclone, webdav': FASTER,
  'rclone, sftp': FASTER,
};

/** One file of 2 GiB, up and down. */
export async function largeFile(conditions: Conditions): Promise<void> {
  const peers = ['scp', 'rsync over ssh', 'rclone, webdav', 'rclone, sftp', 'curl, nginx'] as const;
  await copyLargeFile(conditions, { peers, key: 'large', title: 'A large file', note: '' });
}

/** The same where no disk is in the way, with those that come nearest. */
export async function largeFileInMemory(conditions: Conditions): Promise<void> {
  if (!existsSync(MEMORY)) {
    conditions.report.skip('a large file in memory', `there is no ${MEMORY}`);
    return;
  }
  const peers = ['scp', 'curl, nginx'] as const;
  const note = `All data of all contenders is in ${MEMORY}, so that no disk is in the way.`;
  const title = 'A large file in memory';
  await copyLargeFile(conditions, { peers, key: 'large in memory', title, note, parent: MEMORY });
}

interface LargeContest {
  readonly peers: readonly PeerName[];
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly parent?: string;
}

async function copyLargeFile(
  { runs, scale, signal, report }: Conditions,
  { peers: names, key, title, note, parent }: LargeContest,
): Promise<void> {
  const size = Math.ceil((FILE_BYTES * scale) / MIB) * MIB;
  await using stage = await openStage({ signal, ...(parent === undefined ? {} : { parent }) });
  const { folder, link } = stage;
  await using peers = await openPeers({ names, folder, link, signal, report });
  const path = join(folder, 'large');
  const results = await compete({
    kind: 'file',
    contenders: [gdpfs(stage), ...peers.contenders],
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
  const goal = (peer: PeerName): RatioGoal | undefined => LARGE_GOALS[peer];
  report.section(title, note, contestRows(results, { what, key, unit: MEGABYTES, goal }));
}
