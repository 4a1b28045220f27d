import { Permission } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import { EVERYONE } from './rights.ts';
import type { QuotaRow } from './system-view.ts';

/** What the system log says of a volume from its beginning. */
export function firstRules(
  volume: Uint8Array,
  { isPublic, quota }: { readonly isPublic?: boolean; readonly quota?: QuotaRow },
): SystemRecordInit[] {
  const records: SystemRecordInit[] = [];
  if (isPublic === true) records.push(readableByAll(volume));
  if (quota !== undefined) records.push(quotaRecord(volume, quota));
  return records;
}

function readableByAll(volume: Uint8Array): SystemRecordInit {
  const value = { volume, node: 0n, subject: EVERYONE, permission: Permission.READ };
  return { body: { case: 'grant', value } };
}

export function quotaRecord(volume: Uint8Array, { bytes, entries }: QuotaRow): SystemRecordInit {
  const value = { volume, bytes: BigInt(bytes), entries: BigInt(entries) };
  return { body: { case: 'quota', value } };
}
