import { rm } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../src/base/limits.ts';
import { gdpfsCommand, run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { countOrphans } from './compare.ts';
import { type Contender, type Direction, DIRECTIONS, type Item, type Kind } from './contender.ts';
import { bytesSentBy, type Counted, Counter } from './counted.ts';
import { count, mebibytes, seconds } from './figures.ts';
import { openPeers } from './peers/open.ts';
import { openRelayLink } from './relay.ts';
import type { Row } from './report.ts';
import { makeFile, makeTree, MIB } from './sources.ts';
import { openStage, type Stage } from './stage.ts';

const FILE_BYTES = 2048 * MIB;
const TREE_FILES = 10_000;
/** What a second start costs on the wire: a handshake, questions what is there. */
const START_BYTES = MIB;

interface Subject {
  readonly what: string;
  readonly kind: Kind;
  readonly make: (path: string) => void;
  /** How much may travel twice: what a kill finds in flight. Part of the whole. */
  readonly inFlightPart: number;
}

/** The same command again, after its client was killed half-way. */
export async function killed(conditions: Conditions): Promise<void> {
  const { scale, signal, report } = conditions;
  await using link = openRelayLink(0);
  await using stage = await openStage({ signal, link });
  const { folder, user } = stage;
  const names = ['rsync over ssh'] as const;
  await using peers = await openPeers({ names, folder, link, signal, report });
  await run(user, 'mkdir', 'gdp://bench/kept');
  const contenders = [resuming(stage), ...peers.contenders.map(keepingPart)];
  const counter = new Counter(link, signal);
  for (const subject of subjectsOf(scale)) {
    for (const contender of contenders) {
      await interrupt({ conditions, folder, counter, contender }, subject);
    }
  }
}

function subjectsOf(scale: number): Subject[] {
  const size = Math.ceil((FILE_BYTES * scale) / MIB) * MIB;
  const files = Math.ceil(TREE_FILES * scale);
  const bodyBytes = LIMITS.transferConcurrency * LIMITS.bodyBytesTarget;
  const streamFiles = LIMITS.tarStreamsInFlight * LIMITS.tarFilesMax;
  return [
    {
      what: `a file of ${mebibytes(size)}`,
      kind: 'file',
      make: (path) => makeFile(path, size),
      inFlightPart: bodyBytes / size,
    },
    {
      what: `${count(files)} files of 4 KiB`,
      kind: 'tree',
      make: (path) => makeTree(path, files),
      inFlightPart: streamFiles / files,
    },
  ];
}

interface Ring {
  readonly conditions: Conditions;
  readonly folder: string;
  readonly counter: Counter;
  readonly contender: Contender;
}

/** In each direction: whole, then killed half-way and run again. */
async function interrupt(
  { conditions: { report }, folder, counter, contender }: Ring,
  { what, kind, make, inFlightPart }: Subject,
): Promise<void> {
  const place = join(folder, `${contender.name.replaceAll(/\W+/g, '-')}-${kind}`);
  const paths = { up: join(place, 'sent'), down: join(place, 'back') };
  const item = (direction: Direction, name: string): Item => {
    return { kind, name: `${kind}-${name}`, path: join(paths[direction], `${kind}-${name}`) };
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  for (const name of ['whole', 'killed']) make(item('up', name).path);
  const rows: Row[] = [];
  for (const direction of DIRECTIONS) {
    const copy = contender[direction];
    const whole = await counter.measure(copy(item(direction, 'whole')));
    const command = copy(item(direction, 'killed'));
    const before = await counter.killAfter(command, whole.wireBytes / 2);
    const again = await counter.measure(command);
    const twice = Math.max(0, before + again.wireBytes - whole.wireBytes);
    const most = Math.min(inFlightPart, 1) * whole.wireBytes + START_BYTES;
    const goal = { text: `≤ ${mebibytes(most)} twice`, isReached: twice <= most };
    rows.push({
      what: `${what}, ${direction}, killed with -9 half-way, again with ${contender.name}`,
      measured: `${costOf(again)}, ${mebibytes(twice)} for the second time`,
      beside: `whole ${costOf(whole)}`,
      ...(contender.name === 'gdpfs' ? { goal } : {}),
    });
  }
  const orphans = countOrphans(paths.up, paths.down);
  report.add(...rows, {
    what: `${what}, killed downloads, files left behind by ${contender.name}`,
    measured: count(orphans),
    ...(contender.name === 'gdpfs' ? { goal: { text: '0', isReached: orphans === 0 } } : {}),
  });
  await rm(place, { recursive: true });
}

function costOf(counted: Counted): string {
  const said = counted.stdout === '' ? '' : ` (by its summary ${mebibytes(bytesSentBy(counted))})`;
  return `${seconds(counted.elapsedMs)}, ${mebibytes(counted.wireBytes)} on the wire${said}`;
}

/** `cp` into a directory that is there, so that the same command can be given again. */
function resuming({ user, server }: Stage): Contender {
  const options = { file: ['--json'], tree: ['--json', '-r'] };
  const remote = 'gdp://bench/kept';
  return {
    name: 'gdpfs',
    kinds: ['file', 'tree'],
    serverPid: server.pid,
    up: ({ kind, path }) => gdpfsCommand(user, ['cp', ...options[kind], path, `${remote}/`]),
    down: ({ kind, name, path }) => {
      const into = `${join(path, '..')}/`;
      return gdpfsCommand(user, ['cp', ...options[kind], `${remote}/${name}`, into]);
    },
  };
}

/** rsync keeps what it has of a file only if asked to. */
function keepingPart(rsync: Contender): Contender {
  const partial = (argv: readonly string[]): string[] => [...argv, '--partial'];
  return {
    ...rsync,
    up: (item) => ({ argv: partial(rsync.up(item).argv) }),
    down: (item) => ({ argv: partial(rsync.down(item).argv) }),
  };
}
