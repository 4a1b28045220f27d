import { rotateOwner } from '../format/owner-rotation.ts';
import { encodePolicyRecord, ownerAfter, type Policy } from '../format/policy.ts';
import { policyOf } from '../format/policy-change.ts';
import type { ChainState } from '../format/volume-chain.ts';
import type { KeyRole, KeyStore } from '../log/key-store.ts';

/** A policy, and the record that says it, signed by the owner. */
interface NextPolicy {
  readonly record: Uint8Array;
  readonly policy: Policy;
}

/**
 * What replaces a key of a volume by a new one, which is durable when it returns: a log must never name a
 * key that could be lost. Keys before it stay where they are, since the record may never get into the log.
 * Throws `read_only` if the owner's key is not here, `bad_request` if it was replaced too often.
 */
export function nextPolicy(
  row: Pick<ChainState, 'name' | 'ownerKey' | 'writerKey' | 'epoch' | 'policy'>,
  keys: KeyStore,
  role: KeyRole,
): NextPolicy {
  const { name, epoch } = row;
  const before = policyOf(row);
  const owner = keys.ownerKey({ name, ownerKey: ownerAfter(row.policy)?.ownerKey ?? row.ownerKey });
  const next = keys.create();
  const policy: Policy =
    role === 'owner'
      ? {
          ...before,
          epoch: epoch + 1,
          rotations: rotateOwner({
            volume: name,
            before: before.rotations,
            owner,
            next: next.publicKey,
          }),
        }
      : { ...before, epoch: epoch + 1, writerKey: next.publicKey };
  const ownerKey = role === 'owner' ? next.privateKey : owner;
  keys.saveLater(name, role, next);
  return { record: encodePolicyRecord({ volume: name, policy, ownerKey }), policy };
}
