import type { Policy } from '../format/policy.ts';
import type { VolumePolicy } from './generated/api.ts';

/** A policy as the API tells it. */
export function policyJson({ epoch, rotations, historyDays, snapshots }: Policy): VolumePolicy {
  return { epoch, ownerRotations: rotations.length, historyDays, snapshots: [...snapshots] };
}
