import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listPage } from '../src/client/files.ts';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { count, median, megabytes } from './figures.ts';
import { residentOf } from './process-stats.ts';
import { makeTree } from './sources.ts';
import { openStage } from './stage.ts';

const ENTRIES = 100_000;
const PAGES = 20;
const GOAL_MS = 100;

/** The first page of a directory with 100,000 entries. */
export async function largeDirectory({ scale, signal, report }: Conditions): Promise<void> {
  await using stage = await openStage({ signal, hasTrees: true });
  const { folder, user, server, session } = stage;
  const entries = Math.ceil(ENTRIES * scale);
  const source = join(folder, 'wide');
  makeTree(source, entries, entries);
  const emptyBytes = residentOf(server.pid);
  await run(user, 'cp', '-r', join(source, '0'), 'gdp://bench/wide');
  const filledBytes = residentOf(server.pid);
  const remote: number[] = [];
  for (let index = 0; index < PAGES; index += 1) {
    const startMs = performance.now();
    await listPage(session, '/bench/wide');
    remote.push(performance.now() - startMs);
  }
  const startMs = performance.now();
  readdirSync(join(source, '0'), { withFileTypes: true });
  const localMs = performance.now() - startMs;
  const remoteMs = median(remote);
  report.section('A large directory', '', [
    {
      what: `first page of ${count(entries)} entries`,
      measured: `${remoteMs.toFixed(1)} ms`,
      beside: `readdir of all, here: ${localMs.toFixed(1)} ms`,
      goal: { text: `< ${GOAL_MS} ms`, isReached: remoteMs < GOAL_MS },
    },
    {
      what: `memory of the server, before and after ${count(entries)} files came`,
      measured: `${megabytes(emptyBytes)}, ${megabytes(filledBytes)}`,
    },
  ]);
}
