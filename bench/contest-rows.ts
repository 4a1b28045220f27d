/** What a contest says, as rows: ours beside each peer's, in each direction. */
import { type ContenderName, type Direction, DIRECTIONS, type PeerName } from './contender.ts';
import type { Copies, Copy } from './contest.ts';
import { count, median } from './figures.ts';
import { type Goal, type Ratio, type Row } from './report.ts';

export interface Unit {
  readonly name: 'MB/s' | 'files/s';
  /** Of `Copy.amount`. */
  readonly size: number;
  /** Amount for which CPU time is given, and its name. */
  readonly cpuAmount: number;
  readonly cpuName: string;
}

export const MEGABYTES: Unit = {
  name: 'MB/s',
  size: 1e6,
  cpuAmount: 2 ** 30,
  cpuName: 'a GiB',
};

export const FILES: Unit = {
  name: 'files/s',
  size: 1,
  cpuAmount: 10_000,
  cpuName: '10,000 files',
};

export interface Presentation {
  /** `10,000 files of 4 KiB`. */
  readonly what: string;
  /** Of its ratios, beside direction and peer. */
  readonly key: string;
  readonly unit: Unit;
  /** The least ratio to each peer; none for what is only shown. */
  goal(peer: PeerName, direction: Direction): RatioGoal | undefined;
  /** What else must be said of a peer's figure. */
  readonly remarks?: Partial<Readonly<Record<PeerName, string>>>;
}

export interface RatioGoal {
  readonly atLeast: number;
  /** Why this one, if that is not plain. */
  readonly reason?: string;
}

export function contestRows(
  results: ReadonlyMap<ContenderName, Copies>,
  presentation: Presentation,
): Row[] {
  const ours = results.get('gdpfs');
  if (ours === undefined) return [];
  return DIRECTIONS.flatMap((direction) => {
    return [...results].flatMap(([peer, theirs]) => {
      if (peer === 'gdpfs') return [];
      return [
        rowOf({ peer, direction, ours: ours[direction], theirs: theirs[direction] }, presentation),
      ];
    });
  });
}

export function ratioKey(key: string, peer: PeerName, direction: Direction): string {
  return `${key}, ${direction}, ${peer}`;
}

interface Pair {
  readonly peer: PeerName;
  readonly direction: Direction;
  readonly ours: readonly Copy[];
  readonly theirs: readonly Copy[];
}

function rowOf({ peer, direction, ours, theirs }: Pair, presentation: Presentation): Row {
  const { what, key, unit, remarks } = presentation;
  const oursRate = median(ours.map(rateOf));
  const theirsRate = median(theirs.map(rateOf));
  const single = ours.map((copy, index) => rateOf(copy) / rateOf(theirs[index] ?? copy));
  const ratio: Ratio = {
    key: ratioKey(key, peer, direction),
    value: oursRate / theirsRate,
    range: [Math.min(...single), Math.max(...single)],
  };
  const remark = remarks?.[peer] === undefined ? '' : ` (${remarks[peer]})`;
  const goal = goalOf(ratio, presentation.goal(peer, direction));
  return {
    what: `${what}, ${direction}`,
    measured: `${count(oursRate / unit.size)} ${unit.name}`,
    beside: `${peer} ${count(theirsRate / unit.size)} ${unit.name}${remark}`,
    ratio,
    ...(goal === undefined ? {} : { goal }),
    cpu: `${cpuOf(ours, unit)}; ${cpuOf(theirs, unit)} for ${unit.cpuName}`,
  };
}

function goalOf({ value }: Ratio, goal: RatioGoal | undefined): Goal | undefined {
  if (goal === undefined) return undefined;
  const { atLeast, reason } = goal;
  const why = reason === undefined ? '' : `, ${reason}`;
  return { text: `≥ ${Number(atLeast.toPrecision(3))}×${why}`, isReached: value >= atLeast };
}

/** Amount a second. */
function rateOf({ amount, elapsedMs }: Copy): number {
  return amount / (elapsedMs / 1000);
}

/** Client + server. */
function cpuOf(copies: readonly Copy[], { cpuAmount }: Unit): string {
  const part = (ms: (copy: Copy) => number): string => {
    const values = copies.map((copy) => (ms(copy) / 1000) * (cpuAmount / copy.amount));
    return median(values).toFixed(1);
  };
  return `${part((copy) => copy.clientCpuMs)} + ${part((copy) => copy.serverCpuMs)}`;
}
