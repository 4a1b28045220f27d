import { Permission } from '../format/generated/gdpfs_pb.js';

/** How much a caller may do somewhere; each level includes those below it. */
export const LEVEL = {
  none: 0,
  read: Permission.READ,
  write: Permission.WRITE,
  admin: Permission.ADMIN,
} as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

/** What one caller may do in one volume. The same object as long as that is the same. */
export interface Rights {
  /** On the root directory, and so on everything. */
  readonly whole: Level;
  /** Where it is more: directories by node, with all below them. */
  readonly nodes: ReadonlyMap<number, Level>;
  /** For messages. */
  readonly principal: string;
}

/** A grant's subject that stands for every principal. */
export const EVERYONE = '*';
const GROUP_PREFIX = 'group:';

/** A grant's subject that stands for the members of a group. Principal names have no colon. */
export function groupSubject(group: string): string {
  return GROUP_PREFIX + group;
}

/** The group that a subject stands for, if it is one. */
export function groupOfSubject(subject: string): string | undefined {
  return subject.startsWith(GROUP_PREFIX) ? subject.slice(GROUP_PREFIX.length) : undefined;
}

export function hasAnyRight({ whole, nodes }: Rights): boolean {
  return whole > LEVEL.none || nodes.size > 0;
}

export function levelName(level: Level): string {
  switch (level) {
    case LEVEL.none:
      return 'no access';
    case LEVEL.read:
      return '"read"';
    case LEVEL.write:
      return '"write"';
    case LEVEL.admin:
      return '"admin"';
  }
}
