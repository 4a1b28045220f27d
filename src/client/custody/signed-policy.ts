import type { KeyObject } from 'node:crypto';
import { base64urlDecode, base64urlEncode } from '../../base/bytes.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { encodePolicyRecord, type Policy } from '../../format/policy.ts';
import { changedPolicy, type PolicyChange, policyOf } from '../../format/policy-change.ts';
import type { ChangePolicy, VolumePolicy } from '../../wire/generated/api.ts';
import type { CallOptions } from '../files.ts';
import { policyJson } from '../../wire/policy-json.ts';
import { jsonOf, type Session } from '../session.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import type { VolumeKeys } from './volume-keys.ts';
import type { VolumeSigner } from './volume-signer.ts';

/** A volume with custody `client`, and the way to its keys. */
export interface OwnedVolume extends CallOptions {
  readonly session: Session;
  readonly trusted: TrustedVolume;
  readonly keys: VolumeKeys;
  readonly signer: VolumeSigner;
}

/** A policy record that the owner has signed, and what it must lead to. */
interface SignedPolicy {
  readonly record: Uint8Array;
  readonly epoch: number;
  /** What signs the commit; undefined: the writer key in force. */
  readonly writer?: KeyObject;
}

/**
 * Signs a change of what is kept of the volume, and has the volume say so, unless it says so already. Throws `read_only` if the owner's or the writer key is not here, and as `changedPolicy` does.
 */
export async function changeOwnPolicy(
  owned: OwnedVolume,
  change: PolicyChange,
): Promise<VolumePolicy> {
  const { volume, owner, before } = await ownedPolicy(owned, 'change policy');
  const policy = changedPolicy(before, change);
  if (policy === undefined) return policyJson(before);
  await owned.signer.requireKey();
  const record = encodePolicyRecord({ volume, policy, ownerKey: owner });
  return await signPolicy(owned, { record, epoch: policy.epoch });
}

/** The owner's key, and the policy that is in force. `verb`: what cannot be done without the key. */
export async function ownedPolicy(
  { trusted, keys }: OwnedVolume,
  verb: string,
): Promise<{
  readonly volume: Uint8Array;
  readonly owner: KeyObject;
  readonly before: Policy;
}> {
  const { name, reference, ownerKey } = trusted;
  const owner = await keys.find(name, 'owner', ownerKey);
  if (owner === undefined) {
    const state = "its owner's key is not on this machine";
    throw new GdpfsError('read_only', `cannot ${verb} of volume "${reference}": ${state}`, {
      hint: `do it where the key is, or take it here: "gdpfs volume key export --owner gdp://${reference} FILE" there, "gdpfs volume key import --owner gdp://${reference} FILE" here`,
    });
  }
  const volume = base64urlDecode(name);
  assert(volume !== undefined, 'a trusted volume has a name');
  return { volume, owner, before: policyOf(trusted) };
}

/**
 * Has the volume take the policy. Keys that it names are durable already, and those before stay where they
 * are: whether the record gets into the log or not, the key that counts is here.
 */
export async function signPolicy(
  { session, trusted: { name }, signer, signal }: OwnedVolume,
  { record, epoch, writer }: SignedPolicy,
): Promise<VolumePolicy> {
  const json: ChangePolicy = { op: 'signed', record: base64urlEncode(record) };
  const answer = await signer.change(
    session,
    {
      method: 'POST',
      route: `/api/v1/volumes/${name}/policy`,
      json,
      changes: true,
      signal,
    },
    { policy: record, epoch },
    writer,
  );
  return jsonOf<VolumePolicy>(answer);
}
