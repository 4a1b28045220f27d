import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listPage } from '../src/client/files.ts';
import { run } from '../tools/gdpfs-process.ts';
import { makeTree } from './small-files.ts';
import { count, median, megabytes, residentOf, type Row, type Stage } from './stage.ts';

const ENTRIES = 100_000;
const PAGES = 20;

/** The first page of a directory with 100,000 entries. */
export async function largeDirectory(stage: Stage): Promise<Row[]> {
  const { folder, user, server, session, scale } = stage;
  const entries = Math.round(ENTRIES * scale);
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
  return [
    {
      what: `first page of ${count(entries)} entries`,
      measured: `${median(remote).toFixed(1)} ms`,
      limit: `readdir of all, here: ${localMs.toFixed(1)} ms`,
      goal: '< 100 ms',
    },
    {
      what: `memory of the server, before and after ${count(entries)} files came`,
      measured: `${megabytes(emptyBytes)}, ${megabytes(filledBytes)}`,
      goal: 'does not grow with the volume',
    },
  ];
}
