import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../src/base/limits.ts';
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
/** The median of three was 1.0 in one run and 1.3 in the next, of the same programs. */
const ROUNDS_MIN = 7;
/** Of rest, after which a server has written what it had left for a moment without changes. */
const REST_MS = 1.5 * LIMITS.indexIdleMs;
/** CPU time that a server may take while it rests. */
const REST_CPU_MS = 10;

/** Of one server, in each round. CPU time has with it what the server wrote when all was over. */
interface Measured {
  readonly stage: Stage;
  /** What it lacks. */
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
  // In a part of the full size figures say little, however many there are.
  const rounds = scale < 1 ? runs : Math.max(runs, ROUNDS_MIN);
  // The first is to warm up.
  for (let round = -1; round < rounds; round += 1) {
    // Nobody always comes behind the same one.
    const turns = round % 2 === 0 ? servers : servers.toReversed();
    for (const server of turns) await measure(server, { round, files, commits });
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
  report.section(
    'Bookkeeping',
    'Servers with and without a part, in turns; a ratio is the median of those of single rounds.',
    rows,
  );
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
  const beganMs = await cpuMsAtRest(server.pid, user.signal);
  const { elapsedMs } = await run(user, 'cp', '-r', tree, `gdp://bench/tree-${round}`);
  const betweenMs = await cpuMsAtRest(server.pid, user.signal);
  await makeDirectory(session, `/bench/single-${round}`);
  for (let index = 0; index < commits; index += 1) {
    await makeDirectory(session, `/bench/single-${round}/${index}`);
  }
  const endedMs = await cpuMsAtRest(server.pid, user.signal);
  if (round < 0) return;
  treeMs.push(elapsedMs);
  treeCpuMs.push(betweenMs - beganMs);
  commitCpuMs.push(endedMs - betweenMs);
}

/**
 * CPU time of the server once it has nothing left to do: what it would write later must be counted for what
 * it was written for, and must not slow down the next one.
 */
async function cpuMsAtRest(pid: number, signal: AbortSignal): Promise<number> {
  let beforeMs = cpuMsOfTree(pid);
  for (;;) {
    await sleep(REST_MS, undefined, { signal });
    const nowMs = cpuMsOfTree(pid);
    if (nowMs - beforeMs <= REST_CPU_MS) return nowMs;
    beforeMs = nowMs;
  }
}

function row(
  what: string,
  part: string,
  [withIt, withoutIt]: readonly [readonly number[], readonly number[]],
): Row {
  // Those of one round are close to each other in time, and in the state of the machine.
  const ratio = median(withIt.map((ms, round) => ms / (withoutIt[round] ?? ms)));
  return {
    what,
    measured: `${median(withIt).toFixed(0)} ms`,
    beside: `without ${part} ${median(withoutIt).toFixed(0)} ms: ${ratio.toFixed(2)} times`,
    goal: { text: `≤ ${GOAL_RATIO} times`, isReached: ratio <= GOAL_RATIO },
  };
}
