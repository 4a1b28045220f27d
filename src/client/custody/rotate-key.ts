import type { KeyObject } from 'node:crypto';
import { base64urlDecode, base64urlEncode } from '../../base/bytes.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { rawPublicKey } from '../../format/ed25519.ts';
import { rotateOwner } from '../../format/owner-rotation.ts';
import { encodePolicyRecord, type Policy, readPolicy } from '../../format/policy.ts';
import type { KeyRotation } from '../../wire/generated/api.ts';
import type { CallOptions } from '../files.ts';
import { jsonOf, type Session } from '../session.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import { newVolumeKey, type VolumeKeys } from './volume-keys.ts';
import type { VolumeSigner } from './volume-signer.ts';

interface RotateOptions extends CallOptions {
  readonly session: Session;
  readonly trusted: TrustedVolume;
  readonly keys: VolumeKeys;
  readonly signer: VolumeSigner;
}

/** A policy record, and what it must lead to. */
interface Named {
  readonly record: Uint8Array;
  readonly epoch: number;
  /** What signs the commit; undefined: the writer key in force. */
  readonly writer?: KeyObject;
}

/**
 * Makes a new writer key for a volume with custody `client`, signs it with the owner's, and has the
 * volume say so. Throws `read_only` if the owner's key is not here.
 */
export async function rotateOwnKey(options: RotateOptions): Promise<KeyRotation> {
  const { volume, owner, before } = await begin(options);
  const writer = newVolumeKey();
  const policy = { ...before, epoch: before.epoch + 1, writerKey: rawPublicKey(writer) };
  const record = encodePolicyRecord({ volume, policy, ownerKey: owner });
  await options.keys.save(options.trusted.name, 'writer', writer);
  return await append(options, { record, epoch: policy.epoch, writer });
}

/**
 * The same for the owner's key; the writer key stays, and must be here too, to sign the commit. Throws
 * `read_only` if one of the two is not here, `bad_request` if the owner's was replaced too often.
 */
export async function rotateOwnOwner(options: RotateOptions): Promise<KeyRotation> {
  const { volume, owner, before } = await begin(options);
  await options.signer.requireKey();
  const next = newVolumeKey();
  const rotations = rotateOwner({
    volume,
    before: before.rotations,
    owner,
    next: rawPublicKey(next),
  });
  const policy = { ...before, epoch: before.epoch + 1, rotations };
  const record = encodePolicyRecord({ volume, policy, ownerKey: next });
  await options.keys.save(options.trusted.name, 'owner', next);
  return await append(options, { record, epoch: policy.epoch });
}

/** The owner's key, and the policy that is in force. */
async function begin({ trusted, keys }: RotateOptions): Promise<{
  readonly volume: Uint8Array;
  readonly owner: KeyObject;
  readonly before: Policy;
}> {
  const { name, reference, ownerKey, writerKey, policy } = trusted;
  const owner = await keys.find(name, 'owner', ownerKey);
  if (owner === undefined) {
    const state = "its owner's key is not on this machine";
    throw new GdpfsError('read_only', `cannot replace key of volume "${reference}": ${state}`, {
      hint: `do it where the key is, or take it here: "gdpfs volume key export --owner gdp://${reference} FILE" there, "gdpfs volume key import --owner gdp://${reference} FILE" here`,
    });
  }
  const volume = base64urlDecode(name);
  assert(volume !== undefined, 'a trusted volume has a name');
  const before =
    policy.length === 0
      ? { epoch: 0, writerKey, historyDays: 0, rotations: [] }
      : readPolicy(policy);
  return { volume, owner, before };
}

/**
 * Has the volume name the new key. Its private half is durable already, and the one before stays where it
 * is: whether the record gets into the log or not, the key that counts is here.
 */
async function append(
  { session, trusted: { name }, signer, signal }: RotateOptions,
  { record, epoch, writer }: Named,
): Promise<KeyRotation> {
  const answer = await signer.change(
    session,
    {
      method: 'POST',
      route: `/api/v1/volumes/${name}/keys`,
      query: { policy: base64urlEncode(record) },
      changes: true,
      signal,
    },
    { policy: record, epoch },
    writer,
  );
  return jsonOf<KeyRotation>(answer);
}
