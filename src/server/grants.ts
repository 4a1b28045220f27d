import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { Permission } from '../format/generated/gdpfs_pb.js';
import { formatApiPath, isBelow } from '../format/path.ts';
import type { FileSystem } from '../fs/file-system.ts';
import { EVERYONE, groupOfSubject } from '../fs/rights.ts';
import type { System } from '../fs/system.ts';
import type { GrantRow, SystemView } from '../fs/system-view.ts';
import type { VolumeInfo } from '../fs/types.ts';
import type { Grant, GrantRequest } from '../wire/generated/api.ts';
import { requireGroup } from './groups.ts';
import { requirePrincipal, withdrawal } from './principals.ts';

/** A directory by what grants are bound to. */
export interface GrantPlace {
  readonly volume: VolumeInfo;
  readonly node: number;
}

const PERMISSIONS = {
  read: Permission.READ,
  write: Permission.WRITE,
  admin: Permission.ADMIN,
} as const;

/** Grants at a place, and at those below it; in the root directory those of removed ones, too. */
export function grantsBelow(
  { fs, system }: { readonly fs: FileSystem; readonly system: System },
  { volume, path }: { readonly volume: VolumeInfo; readonly path: string },
): Grant[] {
  const grants = system.view.grants(volume.name).map((row) => grantJson(fs, volume, row));
  if (path === '') return grants;
  const top = formatApiPath({ volume: volume.alias, path });
  return grants.filter((grant) => grant.path === top || isBelow(grant.path ?? '', top));
}

/** Grants to a subject in all volumes. Throws `not_found` for an unknown subject. */
export function grantsTo(
  { fs, system }: { readonly fs: FileSystem; readonly system: System },
  subject: string,
): Grant[] {
  requireSubject(system.view, subject, 'list the grants to');
  const volumes = fs.listVolumes();
  return system.view.grantsTo(subject).flatMap((row) => {
    const volume = volumes.find(({ name }) => bytesEqual(name, row.volume));
    return volume === undefined ? [] : [grantJson(fs, volume, row)];
  });
}

/** Durable on return. Throws `not_found` for an unknown subject, `bad_request`. */
export async function setGrant(
  system: System,
  { volume, node }: GrantPlace,
  { subject, permission: name }: Pick<GrantRequest, 'subject' | 'permission'>,
): Promise<GrantRow> {
  const permission = PERMISSIONS[name];
  const row = { volume: volume.name, node, subject, permission };
  return await system.change((state) => {
    requireSubject(state, subject, 'grant to');
    const others = state.grantsTo(subject, volume.name).filter((grant) => grant.node !== node);
    if (others.length >= LIMITS.grantsPerSubjectMax) {
      const object = `to "${subject}" in volume "${volume.alias}"`;
      const need = `need at most ${LIMITS.grantsPerSubjectMax}`;
      throw new GdpfsError('bad_request', `cannot grant ${object}: too many grants, ${need}`);
    }
    const value = { ...row, node: BigInt(node) };
    return { records: [{ body: { case: 'grant', value } }], result: row };
  });
}

/** Durable on return; answers what the grant was. Throws `not_found`. */
export async function removeGrant(
  system: System,
  { volume, node }: GrantPlace,
  subject: string,
): Promise<GrantRow> {
  return await system.change((state) => {
    const row = state.grantsTo(subject, volume.name).find((grant) => grant.node === node);
    if (row === undefined) {
      const object = `the grant to "${subject}"`;
      throw new GdpfsError('not_found', `cannot revoke ${object}: there is none on the directory`);
    }
    return { records: [withdrawal(row)], result: row };
  });
}

export function grantJson(
  fs: FileSystem,
  volume: VolumeInfo,
  { node, subject, permission }: GrantRow,
): Grant {
  const path = fs.pathOf(volume.name, node);
  const isWrite = permission === Permission.WRITE;
  const more = isWrite ? 'write' : 'admin';
  return {
    subject,
    permission: permission === Permission.READ ? 'read' : more,
    volume: volume.alias,
    node,
    ...(path === undefined ? {} : { path: formatApiPath({ volume: volume.alias, path }) }),
  };
}

function requireSubject(state: SystemView, subject: string, verb: string): void {
  if (subject === EVERYONE) return;
  const group = groupOfSubject(subject);
  if (group === undefined) requirePrincipal(state, subject, verb);
  else requireGroup(state, group, verb);
}
