import { rawPublicKey } from '../../format/ed25519.ts';
import { rotateOwner } from '../../format/owner-rotation.ts';
import { encodePolicyRecord } from '../../format/policy.ts';
import type { VolumePolicy } from '../../wire/generated/api.ts';
import { type OwnedVolume, ownedPolicy, signPolicy } from './signed-policy.ts';
import { newVolumeKey } from './volume-keys.ts';

/**
 * Makes a new writer key for a volume with custody `client`, signs it with the owner's, and has the
 * volume say so. Throws `read_only` if the owner's key is not here.
 */
export async function rotateOwnKey(owned: OwnedVolume): Promise<VolumePolicy> {
  const { volume, owner, before } = await ownedPolicy(owned, 'replace key');
  const writer = newVolumeKey();
  const policy = { ...before, epoch: before.epoch + 1, writerKey: rawPublicKey(writer) };
  const record = encodePolicyRecord({ volume, policy, ownerKey: owner });
  await owned.keys.save(owned.trusted.name, 'writer', writer);
  return await signPolicy(owned, { record, epoch: policy.epoch, writer });
}

/**
 * The same for the owner's key; the writer key stays, and must be here too, to sign the commit. Throws
 * `read_only` if one of the two is not here, `bad_request` if the owner's was replaced too often.
 */
export async function rotateOwnOwner(owned: OwnedVolume): Promise<VolumePolicy> {
  const { volume, owner, before } = await ownedPolicy(owned, 'replace key');
  await owned.signer.requireKey();
  const next = newVolumeKey();
  const rotations = rotateOwner({
    volume,
    before: before.rotations,
    owner,
    next: rawPublicKey(next),
  });
  const policy = { ...before, epoch: before.epoch + 1, rotations };
  const record = encodePolicyRecord({ volume, policy, ownerKey: next });
  await owned.keys.save(owned.trusted.name, 'owner', next);
  return await signPolicy(owned, { record, epoch: policy.epoch });
}
