import { base64urlDecode, base64urlEncode } from '../../base/bytes.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { rawPublicKey } from '../../format/ed25519.ts';
import { decodePolicy, encodePolicyRecord } from '../../format/policy.ts';
import { decodeRecord } from '../../format/records.ts';
import type { KeyRotation } from '../../wire/generated/api.ts';
import type { CallOptions } from '../files.ts';
import { jsonOf, type Session } from '../session.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import { newVolumeKey, type VolumeKeys } from './volume-keys.ts';
import type { VolumeSigner } from './volume-signer.ts';

/**
 * Makes a new writer key for a volume with custody `client`, signs it with the owner's, and has the
 * volume say so; returns its epoch. Throws `read_only` if the owner's key is not here.
 */
export async function rotateOwnKey(options: {
  readonly session: Session;
  readonly trusted: TrustedVolume;
  readonly keys: VolumeKeys;
  readonly signer: VolumeSigner;
  readonly signal?: CallOptions['signal'];
}): Promise<number> {
  const { session, trusted, keys, signer, signal } = options;
  const { name, reference, ownerKey: ownerPublic, checkpoint } = trusted;
  const ownerKey = await keys.find(name, 'owner', ownerPublic);
  if (ownerKey === undefined) {
    const state = "its owner's key is not on this machine";
    throw new GdpfsError('read_only', `cannot replace key of volume "${reference}": ${state}`, {
      hint: 'do it where the volume was created, or bring its owner key from a backup into the folder "keys"',
    });
  }
  const volume = base64urlDecode(name);
  assert(volume !== undefined, 'a trusted volume has a name');
  const writer = newVolumeKey();
  const epoch = checkpoint.epoch + 1;
  const { historyDays } = policyOf(trusted);
  const policy = { epoch, writerKey: rawPublicKey(writer), historyDays };
  const record = encodePolicyRecord({ volume, policy, ownerKey });
  // Durable before the log can name it.
  await keys.save(name, 'writer', writer);
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
  return jsonOf<KeyRotation>(answer).epoch;
}

function policyOf({ policy }: TrustedVolume): { readonly historyDays: number } {
  const body = policy.length === 0 ? undefined : decodeRecord(policy);
  return body?.case === 'volume' ? decodePolicy(body.value.policy) : { historyDays: 0 };
}
