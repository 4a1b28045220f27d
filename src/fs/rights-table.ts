import { asBuffer } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { EVERYONE, groupSubject, LEVEL, type Level, type Rights } from './rights.ts';
import type { SystemView, VolumeEntryRow } from './system-view.ts';

/** Whose rights are asked for. */
export interface Subject {
  readonly principal: string;
  /** Admins of the server may do everything. */
  readonly isAdmin: boolean;
}

/**
 * What each principal may do in each volume, as owner, by grants, and by grants to groups and to
 * everyone. Kept until the system log changes.
 */
export class RightsTable {
  readonly #view: SystemView;
  readonly #known = new Map<string, Rights>();

  constructor(view: SystemView) {
    this.#view = view;
  }

  of(subject: Subject, volume: Pick<VolumeEntryRow, 'name' | 'owner'>): Rights {
    const { principal, isAdmin } = subject;
    const key = `${isAdmin}${principal}:${asBuffer(volume.name).toString('latin1')}`;
    let rights = this.#known.get(key);
    if (rights === undefined) {
      rights = this.#read(subject, volume);
      if (this.#known.size >= LIMITS.rightsCachedMax) this.#known.clear();
      this.#known.set(key, rights);
    }
    return rights;
  }

  clear(): void {
    this.#known.clear();
  }

  #read(
    { principal, isAdmin }: Subject,
    { name, owner }: Pick<VolumeEntryRow, 'name' | 'owner'>,
  ): Rights {
    if (isAdmin || owner === principal) return { principal, whole: LEVEL.admin, nodes: new Map() };
    const groups = this.#view.groupsOf(principal).map(groupSubject);
    const levels = new Map<number, Level>();
    for (const subject of [principal, EVERYONE, ...groups]) {
      for (const { node, permission } of this.#view.grantsTo(subject, name)) {
        raise(levels, node, permission);
      }
    }
    const whole = levels.get(0) ?? LEVEL.none;
    // What says no more than the volume's own level need not be looked for.
    const nodes = new Map([...levels].filter(([, level]) => level > whole));
    return { principal, whole, nodes };
  }
}

function raise(levels: Map<number, Level>, node: number, level: Level): void {
  if (level > (levels.get(node) ?? LEVEL.none)) levels.set(node, level);
}
