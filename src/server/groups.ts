import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import { groupSubject } from '../fs/rights.ts';
import type { System } from '../fs/system.ts';
import type { SystemView } from '../fs/system-view.ts';
import type { Group, GroupChange } from '../wire/generated/api.ts';
import { membership, requirePrincipal, withdrawal } from './principals.ts';

export function groupJson(view: SystemView, name: string): Group {
  return { name, members: view.members(name) };
}

/** Makes the group if it is missing; durable on return. Throws `not_found`, `bad_request`. */
export async function changeGroup(system: System, change: GroupChange): Promise<Group> {
  const { name, add = [], remove = [] } = change;
  return await system.change((state) => {
    if (add.length === 0 && remove.length > 0) requireGroup(state, name, 'remove from');
    for (const principal of add) requirePrincipal(state, principal, `add to group "${name}"`);
    for (const principal of remove) {
      requirePrincipal(state, principal, `remove from group "${name}"`);
    }
    const members = new Set([...state.members(name), ...add]);
    for (const principal of remove) members.delete(principal);
    if (members.size > LIMITS.groupMembersMax) {
      const need = `need at most ${LIMITS.groupMembersMax}`;
      throw new GdpfsError('bad_request', `cannot add to group "${name}": too many, ${need}`);
    }
    const records: SystemRecordInit[] = [
      ...(state.hasGroup(name) ? [] : [groupRecord(name, false)]),
      ...add.map((principal) => membership(name, principal, false)),
      ...remove.map((principal) => membership(name, principal, true)),
    ];
    return { records, result: { name, members: [...members].sort() } };
  });
}

/** The group and its grants go; answers what it was. Throws `not_found`. */
export async function removeGroup(system: System, name: string): Promise<Group> {
  return await system.change((state) => {
    requireGroup(state, name, 'remove');
    const grants = state.grantsTo(groupSubject(name)).map(withdrawal);
    return { records: [groupRecord(name, true), ...grants], result: groupJson(state, name) };
  });
}

/** Throws `not_found`. */
export function requireGroup(state: SystemView, name: string, verb: string): void {
  if (state.hasGroup(name)) return;
  throw new GdpfsError('not_found', `cannot ${verb} group "${name}": there is none`);
}

function groupRecord(name: string, removed: boolean): SystemRecordInit {
  return { body: { case: 'group', value: { name, removed } } };
}
