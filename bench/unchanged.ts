import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gdpfsCommand, run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { compare } from './compare.ts';
import { type Contender, type Direction, DIRECTIONS } from './contender.ts';
import { type Counted, Counter, formatCost, formatCpu } from './counted.ts';
import { count, median, seconds } from './figures.ts';
import { openPeers } from './peers/open.ts';
import { openRelayLink } from './relay.ts';
import type { Goal, Row } from './report.ts';
import { changeTree, makeTree } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const TREE_FILES = 100_000;
/** One file of so many changes: 1 %. */
const CHANGE_STEP = 100;
/** Over the local walk: the start of a command, a connection, one question for each page of the tree. */
const MORE_THAN_WALK_MS = 1000;

/** Runs of one contender, in the order of the rounds. */
type Runs = Readonly<Record<Direction, Counted[]>>;

/** `gdpfs sync` and `rsync -a` where nothing has changed since the last time, and where little has. */
export async function unchanged(conditions: Conditions): Promise<void> {
  const { runs, scale, signal, report } = conditions;
  const files = Math.ceil(TREE_FILES * scale);
  await using link = openRelayLink(0);
  await using stage = await openStage({ signal, link, hasTrees: true });
  const { folder } = stage;
  if (!(await hasSync(stage))) {
    report.skip('a tree that did not change', 'this gdpfs has no "sync"');
    return;
  }
  const names = ['rsync over ssh'] as const;
  await using peers = await openPeers({ names, folder, link, signal, report });
  const source = join(folder, 'tree');
  makeTree(source, files);
  const counter = new Counter(link, signal);
  const contenders = [syncing(stage), ...peers.contenders];
  const first = await makeTours({ folder, source, counter, contenders }, 1, () => undefined);
  const rows = rowsOf(`first run, ${count(files)} files of 4 KiB`, first);
  // With a line for each file it would say too much the first time.
  const telling = [syncing(stage, '--json'), ...peers.contenders];
  const tour: Tour = { folder, source, counter, contenders: telling };
  const walks: number[] = [];
  const idle = await makeTours(tour, runs, () => {
    walks.push(walk(source));
  });
  const what = `again, ${count(files)} files, none changed`;
  rows.push(...rowsOf(what, idle), ...walkRows(what, { runs: idle, walkMs: median(walks) }));
  let changed = 0;
  const busy = await makeTours(tour, runs, (round) => {
    changed = changeTree(source, { files, first: round, step: CHANGE_STEP });
  });
  rows.push(...rowsOf(`again, ${count(changed)} of ${count(files)} files changed`, busy));
  for (const { name } of contenders) compare('tree', source, backOf(tour, name));
  const note =
    '`gdpfs sync` and `rsync -a`; a relay between the two sides counts all bytes of TCP.';
  report.section('A tree again', note, rows);
}

interface Tour {
  readonly folder: string;
  readonly source: string;
  readonly counter: Counter;
  readonly contenders: readonly Contender[];
}

/** Each contender in turn brings the tree to the other side, and from there to another place. */
async function makeTours(
  tour: Tour,
  rounds: number,
  prepare: (round: number) => void,
): Promise<Map<string, Runs>> {
  const { source, counter, contenders } = tour;
  const results = new Map<string, Runs>();
  for (const { name } of contenders) results.set(name, { up: [], down: [] });
  for (let round = 0; round < rounds; round += 1) {
    prepare(round);
    for (const { name, up, down, serverPid } of contenders) {
      const item = { kind: 'tree', name: 'tree' } as const;
      const back = backOf(tour, name);
      execFileSync('sync');
      results.get(name)?.up.push(await counter.measure(up({ ...item, path: source }), serverPid));
      execFileSync('sync');
      results.get(name)?.down.push(await counter.measure(down({ ...item, path: back }), serverPid));
    }
  }
  return results;
}

function backOf({ folder }: Tour, name: string): string {
  return join(folder, `back-${name.replaceAll(/\W+/g, '-')}`);
}

function rowsOf(what: string, results: ReadonlyMap<string, Runs>): Row[] {
  const [ours, ...others] = results.values();
  const [, ...peers] = results.keys();
  return DIRECTIONS.flatMap((direction) => {
    const mine = ours?.[direction] ?? [];
    const row = { what: `${what}, ${direction}`, measured: formatCost(mine) };
    const rows = others.map((theirs, index): Row => {
      const peer = peers[index] ?? '';
      return {
        ...row,
        ...besidePeer(`${what}, ${direction}, ${peer}`, peer, [mine, theirs[direction]]),
      };
    });
    return rows.length === 0 ? [row] : rows;
  });
}

function besidePeer(
  key: string,
  peer: string,
  [ours, theirs]: readonly [readonly Counted[], readonly Counted[]],
): Pick<Row, 'beside' | 'ratio' | 'goal' | 'cpu'> {
  const value = elapsedOf(theirs) / elapsedOf(ours);
  const single = ours.map((run, index) => (theirs[index]?.elapsedMs ?? 0) / run.elapsedMs);
  const goal: Goal = { text: '≥ 1×', isReached: value >= 1 };
  return {
    beside: `${peer} ${formatCost(theirs)}`,
    ratio: { key, value, range: [Math.min(...single), Math.max(...single)] },
    goal,
    cpu: `${formatCpu(ours)}; ${formatCpu(theirs)}`,
  };
}

function walkRows(
  what: string,
  { runs, walkMs }: { readonly runs: ReadonlyMap<string, Runs>; readonly walkMs: number },
): Row[] {
  return DIRECTIONS.map((direction) => {
    const elapsedMs = elapsedOf(runs.get('gdpfs')?.[direction] ?? []);
    return {
      what: `${what}, ${direction}`,
      measured: seconds(elapsedMs),
      beside: `a walk with lstat, here: ${seconds(walkMs)}`,
      goal: {
        text: `≤ ${seconds(MORE_THAN_WALK_MS)} more`,
        isReached: elapsedMs <= walkMs + MORE_THAN_WALK_MS,
      },
    };
  });
}

function elapsedOf(counted: readonly Counted[]): number {
  return median(counted.map(({ elapsedMs }) => elapsedMs));
}

function syncing({ user, server }: Stage, ...options: readonly string[]): Contender {
  const remote = (name: string): string => `gdp://bench/${name}`;
  return {
    name: 'gdpfs',
    kinds: ['tree'],
    serverPid: server.pid,
    up: ({ name, path }) => gdpfsCommand(user, ['sync', ...options, path, remote(name)]),
    down: ({ name, path }) => gdpfsCommand(user, ['sync', ...options, remote(name), path]),
  };
}

async function hasSync({ user }: Stage): Promise<boolean> {
  // Of an unknown command it says what commands there are.
  const { stdout } = await run(user, 'sync', '--help');
  return stdout.startsWith('Usage: gdpfs sync');
}

/** Milliseconds for looking at every file of a tree. */
function walk(root: string): number {
  const startMs = performance.now();
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else lstatSync(path);
    }
  };
  visit(root);
  return performance.now() - startMs;
}
