import type { GdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { isInTree } from '../format/tree-fold.ts';
import type { PreparedChange } from './changes.ts';
import type { Planner } from './planner.ts';
import { LEVEL, type Level, levelName, type Rights } from './rights.ts';
import { Sight } from './sight.ts';
import { resolve, type View } from './tree.ts';
import { PathError } from './path-error.ts';

type Kind<K extends PreparedChange['kind']> = Extract<PreparedChange, { kind: K }>;

/**
 * Throws `forbidden` unless `rights` allow the change, in the very state that it is made in: between
 * the first look at a request and this, somebody may have moved what its paths name.
 */
export function requirePermitted(planner: Planner, rights: Rights, change: PreparedChange): void {
  // No change to files needs more.
  if (rights.whole >= LEVEL.write) return;
  new Permit(planner, rights).require(change);
}

class Permit {
  readonly #planner: Planner;
  readonly #rights: Rights;
  readonly #now: Sight;

  constructor(planner: Planner, rights: Rights) {
    this.#planner = planner;
    this.#rights = rights;
    this.#now = new Sight(planner.view, rights);
  }

  require(change: PreparedChange): void {
    switch (change.kind) {
      // A directory itself has a mode and a time that can be set.
      case 'mkdir':
      case 'set':
        return this.#need(change.path, this.#now.levelAt(change.path), LEVEL.write);
      // Everything else changes names, or what is no directory and so has no grants of its own.
      case 'symlink':
      case 'put':
      case 'extend':
      case 'remove':
        return this.#needAround(change.path);
      case 'rename':
        this.#needAround(change.path);
        return this.#needAround(change.to);
      case 'copy':
        this.#need(change.path, this.#past(change.atCount).levelAt(change.path), LEVEL.read);
        return this.#needAround(change.to);
      case 'restore':
        return this.#restore(change);
      case 'many':
        for (const one of change.changes) this.require(one);
    }
  }

  #restore(change: Kind<'restore'>): void {
    const { path, atCount } = change;
    this.#needAround(path);
    const past = this.#past(atCount);
    this.#need(path, past.levelAt(path), LEVEL.read);
    const { row } = resolve(this.#viewAt(atCount), path);
    if (row?.kind !== NodeKind.DIRECTORY) return;
    const { nodes, context } = this.#planner;
    if (isInTree(nodes, row.node)) return;
    // It comes back with what was in it when it went, which may be more than at the moment named.
    let gone = row.node;
    for (let place = nodes.byNode(gone); place !== undefined; place = nodes.byNode(gone)) {
      gone = place.parent;
    }
    const last = this.#past(context.entries.removedBy(context.volume, gone));
    this.#need(path, last.levelOfNode(row.node), LEVEL.read);
  }

  #needAround(path: string): void {
    this.#need(path, this.#now.levelAround(path), LEVEL.write);
  }

  #need(path: string, level: Level | undefined, needed: Level): void {
    if (level === undefined || level < needed) throw forbiddenPath(path, this.#rights, needed);
  }

  #past(atCount: number | undefined): Sight {
    return atCount === undefined ? this.#now : new Sight(this.#viewAt(atCount), this.#rights);
  }

  #viewAt(atCount: number | undefined): View {
    const { view } = this.#planner;
    return atCount === undefined ? view : { ...view, at: atCount };
  }
}

/** Says nothing of what is at the path, nor whether anything is. */
function forbiddenPath(path: string, { principal }: Rights, needed: Level): GdpfsError {
  const need = `need ${levelName(needed)} there`;
  return new PathError(
    'forbidden',
    (name) => `cannot use ${name(path)}: "${principal}" has too little access, ${need}`,
    { hint: 'ask the owner of the volume or an admin of the server for a grant' },
  );
}
