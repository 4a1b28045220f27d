import { rm } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../src/base/limits.ts';
import { gdpfsCommand, run } from '../tools/gdpfs-process.ts';
import type { Conditions } from './benchmark.ts';
import { countOrphans } from './compare.ts';
import { type Contender, type Direction, DIRECTIONS, type Item, type Kind } from './contender.ts';
import { type Counted, Counter, formatCost, formatCpu } from './counted.ts';
import { count, mebibytes } from './figures.ts';
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
  await using stage = await openStage({ signal, link, hasTrees: true });
  const { folder, user } = stage;
  const names = ['rsync over ssh'] as const;
  await using peers = await openPeers({ names, folder, link, signal, report });
  await run(user, 'mkdir', 'gdp://bench/kept');
  const counter = new Counter(link, signal);
  const rows: Row[] = [];
  for (const subject of subjectsOf(scale)) {
    const ours = await interrupt({ folder, counter, contender: resuming(stage) }, subject);
    const theirs: Interrupted[] = [];
    for (const peer of peers.contenders) {
      theirs.push(await interrupt({ folder, counter, contender: keepingPart(peer) }, subject));
    }
    rows.push(...rowsOf(subject, ours, theirs));
  }
  const note =
    'The client gets SIGKILL when half of the bytes have crossed the wire, and the same command is run ' +
    'again, beside `rsync --partial`. A relay between the two sides counts all bytes of TCP.';
  report.section('A killed client', note, rows);
}

function subjectsOf(scale: number): Subject[] {
  const size = Math.ceil((FILE_BYTES * scale) / MIB) * MIB;
  const files = Math.ceil(TREE_FILES * scale);
  const bodyBytes = LIMITS.transferConcurrency * LIMITS.bodyBytesTarget;
  const streamFiles = LIMITS.tarStreamsReceived * LIMITS.tarFilesMax;
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
  readonly folder: string;
  readonly counter: Counter;
  readonly contender: Contender;
}

interface Resumed {
  readonly whole: Counted;
  readonly again: Counted;
  /** What crossed the wire for the second time. */
  readonly twiceBytes: number;
}

interface Interrupted extends Readonly<Record<Direction, Resumed>> {
  readonly name: string;
  /** Files that killed downloads left behind. */
  readonly orphans: number;
}

/** In each direction: whole, then killed half-way and run again. */
async function interrupt(
  { folder, counter, contender }: Ring,
  { kind, make }: Subject,
): Promise<Interrupted> {
  const { serverPid } = contender;
  const place = join(folder, `${contender.name.replaceAll(/\W+/g, '-')}-${kind}`);
  const paths = { up: join(place, 'sent'), down: join(place, 'back') };
  const item = (direction: Direction, name: string): Item => {
    return { kind, name: `${kind}-${name}`, path: join(paths[direction], `${kind}-${name}`) };
  };
  const resume = async (direction: Direction): Promise<Resumed> => {
    const whole = await counter.measure(contender[direction](item(direction, 'whole')), serverPid);
    const command = contender[direction](item(direction, 'killed'));
    const beforeBytes = await counter.killAfter(command, whole.wireBytes / 2);
    const again = await counter.measure(command, serverPid);
    const twiceBytes = Math.max(0, beforeBytes + again.wireBytes - whole.wireBytes);
    return { whole, again, twiceBytes };
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  for (const name of ['whole', 'killed']) make(item('up', name).path);
  const up = await resume('up');
  const down = await resume('down');
  const orphans = countOrphans(paths.up, paths.down);
  if (kind === 'file') await rm(place, { recursive: true });
  return { name: contender.name, up, down, orphans };
}

function rowsOf(
  { what, inFlightPart }: Subject,
  ours: Interrupted,
  theirs: readonly Interrupted[],
): Row[] {
  const beside = (text: (peer: Interrupted) => string): Pick<Row, 'beside'> => {
    const [peer] = theirs;
    return peer === undefined ? {} : { beside: `${peer.name} ${text(peer)}` };
  };
  const cpuOf = (part: (interrupted: Interrupted) => Counted): Pick<Row, 'cpu'> => {
    return { cpu: [ours, ...theirs].map((one) => formatCpu([part(one)])).join('; ') };
  };
  const rows = DIRECTIONS.flatMap((direction): Row[] => {
    const { whole, twiceBytes } = ours[direction];
    const most = Math.min(inFlightPart, 1) * whole.wireBytes + START_BYTES;
    return [
      {
        what: `${what}, ${direction}, whole`,
        measured: formatCost([whole]),
        ...beside((peer) => formatCost([peer[direction].whole])),
        ...cpuOf((interrupted) => interrupted[direction].whole),
      },
      {
        what: `${what}, ${direction}, again after the kill`,
        measured: againOf(ours[direction]),
        ...beside((peer) => againOf(peer[direction])),
        ...cpuOf((interrupted) => interrupted[direction].again),
        goal: { text: `≤ ${mebibytes(most)} twice`, isReached: twiceBytes <= most },
      },
    ];
  });
  rows.push({
    what: `${what}, files that killed downloads left behind`,
    measured: count(ours.orphans),
    ...beside(({ orphans }) => count(orphans)),
    goal: { text: 'none', isReached: ours.orphans === 0 },
  });
  return rows;
}

function againOf({ again, twiceBytes }: Resumed): string {
  return `${formatCost([again])}, ${mebibytes(twiceBytes)} twice`;
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
