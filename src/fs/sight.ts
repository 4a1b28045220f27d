import { LIMITS } from '../base/limits.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { baseName, compareNames, parentPath, splitPath } from '../format/path.ts';
import { ROOT_NODE, type TreeNode } from '../format/tree-fold.ts';
import { hasAnyRight, LEVEL, type Level, type Rights } from './rights.ts';
import type { EntryRow } from './entry-table.ts';
import type { NamedRow, ReadChildren, View } from './tree.ts';

/** A directory that a path leads to, as far as it exists. */
interface Reached {
  /** Undefined if the path ends before, in something that is no directory or not there. */
  readonly node: number | undefined;
  readonly level: Level;
}

/**
 * What a caller may do in one state of a volume's tree: the levels of docs/access.md. A level counts
 * for a directory and all below it in that very state, whatever the names; so a grant on a
 * directory covers of the past what was below that directory then.
 */
export class Sight {
  readonly #view: View;
  readonly #rights: Rights;
  readonly #directories = new Map<string, Reached>();
  #ways: ReadonlyMap<number, readonly string[]> | undefined;

  constructor(view: View, rights: Rights) {
    this.#view = view;
    this.#rights = rights;
  }

  /**
   * The level at a path; where nothing is, that of the last directory on the way. `none` for a
   * directory that only leads to others where it is more; undefined where the caller may not even
   * learn whether there is something.
   */
  levelAt(path: string): Level | undefined {
    const level = this.#reach(path).level;
    if (level > LEVEL.none) return level;
    const isKnown = path === '' ? hasAnyRight(this.#rights) : this.#isOnAWay(path);
    return isKnown ? LEVEL.none : undefined;
  }

  /** The level in the directory that holds `path`. */
  levelAround(path: string): Level {
    return this.#reach(parentPath(path)).level;
  }

  /** The level at a node that has a place, by the directories above it. */
  levelOfNode(node: number): Level {
    let level: Level = LEVEL.none;
    for (const above of this.#chain(node) ?? []) level = this.#raise(level, above.node);
    return this.#raise(level, ROOT_NODE);
  }

  /**
   * The names in a directory that the caller may see, in listing order; undefined if all.
   */
  namesIn(directory: number): readonly string[] | undefined {
    if (this.#rights.whole > LEVEL.none) return undefined;
    const way = this.#allWays().get(directory);
    if (way !== undefined) return way;
    // Neither on a way nor below a grant, such as the root when what was granted is gone: nothing.
    return this.levelOfNode(directory) > LEVEL.none ? undefined : [];
  }

  #reach(path: string): Reached {
    const { whole, nodes } = this.#rights;
    if (nodes.size === 0) return { node: undefined, level: whole };
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const reached = path === '' ? { node: ROOT_NODE, level: whole } : this.#step(path);
    if (reached.node === undefined) return reached;
    if (this.#directories.size >= LIMITS.sightDirectoriesMax) this.#directories.clear();
    this.#directories.set(path, reached);
    return reached;
  }

  #step(path: string): Reached {
    const above = this.#reach(parentPath(path));
    if (above.node === undefined) return above;
    const row = this.#nodeAt(above.node, baseName(path));
    if (row?.kind !== NodeKind.DIRECTORY) return { node: undefined, level: above.level };
    return { node: row.node, level: this.#raise(above.level, row.node) };
  }

  #isOnAWay(path: string): boolean {
    const ways = this.#allWays();
    let node = ROOT_NODE;
    for (const name of splitPath(path)) {
      if (ways.get(node)?.includes(name) !== true) return false;
      const row = this.#nodeAt(node, name);
      if (row === undefined) return false;
      node = row.node;
    }
    return true;
  }

  #raise(level: Level, node: number): Level {
    const own = node === ROOT_NODE ? this.#rights.whole : this.#rights.nodes.get(node);
    return own !== undefined && own > level ? own : level;
  }

  /** Of each directory that leads to others, but where the level is none: the names that do. */
  #allWays(): ReadonlyMap<number, readonly string[]> {
    this.#ways ??= this.#findWays();
    return this.#ways;
  }

  #findWays(): ReadonlyMap<number, readonly string[]> {
    const ways = new Map<number, Set<string>>();
    for (const node of this.#rights.nodes.keys()) {
      for (const step of this.#chain(node) ?? []) {
        const names = ways.get(step.parent) ?? new Set();
        ways.set(step.parent, names.add(step.name));
        // From here on down everything can be seen: what follows does not lead there.
        if (this.#rights.nodes.has(step.node)) break;
      }
    }
    return new Map([...ways].map(([node, names]) => [node, [...names].sort(compareNames)]));
  }

  /** From below the root down to the node; undefined if no path leads to it. */
  #chain(node: number): TreeNode[] | undefined {
    const chain: TreeNode[] = [];
    for (let above = node; above !== ROOT_NODE; ) {
      const row = this.#view.entries.placeOf(this.#view.volume, above, this.#view.at);
      if (row === undefined) return undefined;
      chain.unshift(row);
      above = row.parent;
    }
    return chain;
  }

  #nodeAt(parent: number, name: string): TreeNode | undefined {
    const { entries, volume, at } = this.#view;
    return entries.nodeAt({ volume, parent, name }, at);
  }
}

/** Sights of trees as they are now, kept as long as neither the tree nor the rights change. */
export class Sights {
  readonly #kept = new WeakMap<Rights, { readonly count: number; readonly sight: Sight }>();

  /** `count` is that of the volume's records. */
  of(view: View, rights: Rights, count: number): Sight {
    if (view.at !== undefined) return new Sight(view, rights);
    const kept = this.#kept.get(rights);
    if (kept?.count === count) return kept.sight;
    const sight = new Sight(view, rights);
    this.#kept.set(rights, { count, sight });
    return sight;
  }
}

/** Reads of each directory only what somebody may see there; all without a sight. */
export function seenRows<Row extends NamedRow>(
  view: View,
  sight: Sight | undefined,
  read: ReadChildren<Row>,
): ReadChildren<Row> {
  if (sight === undefined) return read;
  return (directory, page) => {
    const names = sight.namesIn(directory);
    if (names === undefined) return read(directory, page);
    const rows: EntryRow[] = [];
    for (const name of names) {
      if (rows.length === page.limit) break;
      const isBehind = page.after === '' || compareNames(name, page.after) > 0;
      const row = isBehind
        ? view.entries.byName({ volume: view.volume, parent: directory, name }, view.at)
        : undefined;
      if (row !== undefined) rows.push(row);
    }
    // A whole row has everything that a part of it has.
    return rows as readonly NamedRow[] as readonly Row[];
  };
}
