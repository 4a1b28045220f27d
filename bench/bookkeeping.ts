import { join } from 'node:path';
import { makeDirectory } from '../src/client/files.ts';
import { run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { count, median } from './figures.ts';
import { cpuMsOfTree } from './process-stats.ts';
import type { Row } from './report.ts';
import { makeTree } from './sources.ts';
import type { Stage } from './stage.ts';
import { openVariant } from './without/stage.ts';

const FILES = 10_000;
const COMMITS = 1000;
const GOAL_RATIO = 1.2;

/** Of one server, in each round. */
interface Measured {
  readonly stage: Stage;
  readonly what: string;
  readonly treeCpuMs: number[];
  readonly treeMs: number[];
  readonly commitCpuMs: number[];
}

/**
 * What the audit log and the state map cost: small files and single changes at a server that has both, and
 * at two that lack one of them.
 */
export async function bookkeeping({ runs, scale, signal, report }: Conditions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const files = Math.ceil(FILES * scale);
  const commits = Math.ceil(COMMITS * scale);
  const servers: Measured[] = [];
  for (const [without, what] of [
    [undefined, ''],
    ['audit', 'the audit log'],
    ['state', 'the state map'],
  ] as const) {
    const stage = stack.use(await openVariant(without, { signal }));
    servers.push({ stage, what, treeCpuMs: [], treeMs: [], commitCpuMs: [] });
  }
  // The first is to warm up.
  for (let round = -1; round < runs; round += 1) {
    for (const server of servers) await measure(server, { round, files, commits });
  }
  const [whole, ...others] = servers;
  if (whole === undefined) return;
  const rows = others.flatMap(({ what, treeCpuMs, treeMs, commitCpuMs }) => [
    row(`${count(files)} small files up, time`, what, [whole.treeMs, treeMs]),
    row(`${count(files)} small files up, CPU of the server`, what, [whole.treeCpuMs, treeCpuMs]),
    row(`${count(commits)} single commits, CPU of the server`, what, [
      whole.commitCpuMs,
      commitCpuMs,
    ]),
  ]);
  report.section('Bookkeeping', 'Servers with and without a part, in turns.', rows);
}

async function measure(
  { stage, treeCpuMs, treeMs, commitCpuMs }: Measured,
  {
    round,
    files,
    commits,
  }: { readonly round: number; readonly files: number; readonly commits: number },
): Promise<void> {
  const { folder, server, session, user } = stage;
  const tree = join(folder, `tree-${round}`);
  makeTree(tree, files);
  const beganMs = cpuMsOfTree(server.pid);
  const { elapsedMs } = await run(user, 'cp', '-r', tree, `gdp://bench/tree-${round}`);
  const betweenMs = cpuMsOfTree(server.pid);
  await makeDirectory(session, `/bench/single-${round}`);
  for (let index = 0; index < commits; index += 1) {
    await makeDirectory(session, `/bench/single-${round}/${index}`);
  }
  if (round < 0) return;
  treeMs.push(elapsedMs);
  treeCpuMs.push(betweenMs - beganMs);
  commitCpuMs.push(cpuMsOfTree(server.pid) - betweenMs);
}

function row(
  what: string,
  part: string,
  [withIt, withoutIt]: readonly [readonly number[], readonly number[]],
): Row {
  const ratio = median(withIt) / median(withoutIt);
  return {
    what,
    measured: `${median(withIt).toFixed(0)} ms`,
    beside: `without ${part} ${median(withoutIt).toFixed(0)} ms: ${ratio.toFixed(2)} times`,
    goal: { text: `≤ ${GOAL_RATIO} times`, isReached: ratio <= GOAL_RATIO },
  };
}
