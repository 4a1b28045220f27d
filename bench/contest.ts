/** Lets gdpfs and its peers copy the same data, one after the other, again and again. */
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compare } from './compare.ts';
import type { Contender, ContenderName, Direction, Item, Kind } from './contender.ts';
import { measure, type Measured } from './measure.ts';

/** Copies of one contender, in the order of the rounds. */
export type Copies = Readonly<Record<Direction, Copy[]>>;

export interface Copy extends Measured {
  /** Bytes or files. */
  readonly amount: number;
}

export interface Source {
  readonly path: string;
  /** Bytes or files. */
  readonly amount: number;
}

export interface Contest {
  readonly kind: Kind;
  readonly contenders: readonly Contender[];
  readonly runs: number;
  /** Where targets of downloads are made. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Makes new content for a round; the result says which part of it a contender gets. */
  prepare(round: number): (contender: Contender) => Source;
}

/**
 * Rounds before those that count: all servers have then run for a while, as they do where they are used. One with a
 * compiler has compiled what it runs after some ten thousand files; a large file has that in its first tenth.
 */
export const ROUNDS_BEFORE: Readonly<Record<Kind, number>> = { tree: 1, file: 0 };

/**
 * Every contender copies up and down in every round, and what came back is compared with what was
 * sent. All find their source in the page cache, an empty place to write to, and a disk that rests.
 */
export async function compete(contest: Contest): Promise<Map<ContenderName, Copies>> {
  const { contenders, kind, runs } = contest;
  const roundsBefore = ROUNDS_BEFORE[kind];
  const results = new Map<ContenderName, Copies>(
    contenders.map(({ name }) => [name, { up: [], down: [] }]),
  );
  for (let round = 0; round < roundsBefore + runs; round += 1) {
    const sourceOf = contest.prepare(round);
    // Nobody is always the first to come after the making of the source.
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const source = sourceOf(contender);
      const { up, down } = await copyBothWays(contest, contender, { source, round });
      if (round < roundsBefore) continue;
      results.get(contender.name)?.up.push({ ...up, amount: source.amount });
      results.get(contender.name)?.down.push({ ...down, amount: source.amount });
    }
  }
  return results;
}

async function copyBothWays(
  { kind, folder, signal }: Contest,
  contender: Contender,
  { source, round }: { readonly source: Source; readonly round: number },
): Promise<Readonly<Record<Direction, Measured>>> {
  const { serverPid } = contender;
  // Some of them store in the same folder.
  const name = `${contender.name.replaceAll(/\W+/g, '-')}-${kind}-${round}`;
  const item: Item = { kind, name, path: source.path };
  const back = join(folder, `back-${name}`);
  execFileSync('sync');
  const up = await measure(contender.up(item), { signal, serverPid });
  execFileSync('sync');
  const down = await measure(contender.down({ ...item, path: back }), { signal, serverPid });
  compare(kind, source.path, back);
  if (kind === 'file') {
    await rm(back);
    if (contender.folder !== undefined) await rm(join(contender.folder, name));
  }
  // Trees stay until the end: some file systems are slow to create what they have just removed.
  return { up, down };
}
