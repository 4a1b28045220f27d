import { type KeyObject, sign, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { base64urlEncode, concatBytes, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { publicKeyFromRaw } from './ed25519.ts';
import { type GDPfsVolume, type VolumePolicy, VolumePolicySchema } from './generated/gdpfs_pb.js';
import { encodeRecord, safeInteger } from './records.ts';

/** What a volume's owner has signed: who may write, and how long history is kept. */
export interface Policy {
  /** Rises with every new writer key; the first is 1. */
  readonly epoch: number;
  /** Ed25519 public key, 32 bytes. */
  readonly writerKey: Uint8Array;
  readonly historyDays: number;
}

const DOMAIN = utf8Encode('gdpfs/v1 volume policy\n');

/** First line of every checkpoint of a volume, and the name of the key that signs it. */
export function checkpointOrigin(volume: Uint8Array): string {
  return `gdpfs.v1/${base64urlEncode(volume)}`;
}

/** A `GDPfsVolume` record for the log named `volume`, signed with its owner's Ed25519 key. */
export function encodePolicyRecord(options: {
  readonly volume: Uint8Array;
  readonly policy: Policy;
  readonly ownerKey: KeyObject;
}): Uint8Array<ArrayBuffer> {
  const { epoch, writerKey, historyDays } = options.policy;
  const policy = toBinary(
    VolumePolicySchema,
    create(VolumePolicySchema, { epoch: BigInt(epoch), writerKey, historyDays }),
  );
  const signed = concatBytes([DOMAIN, options.volume, policy]);
  const ownerSignature = new Uint8Array(sign(null, signed, options.ownerKey));
  return encodeRecord({ case: 'volume', value: { policy, ownerSignature } });
}

/** What a policy says, whoever signed it. Throws `corrupt`. */
export function decodePolicy(bytes: Uint8Array): VolumePolicy {
  try {
    return fromBinary(VolumePolicySchema, bytes);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode volume policy: not a VolumePolicy', { cause });
  }
}

/** Throws `untrusted` unless the owner signed this policy for this volume. */
export function verifyPolicy(
  volume: Uint8Array,
  ownerKey: Uint8Array,
  record: GDPfsVolume,
): Policy {
  const signed = concatBytes([DOMAIN, volume, record.policy]);
  if (!verify(null, signed, publicKeyFromRaw(ownerKey), record.ownerSignature)) {
    throw new GdpfsError('untrusted', 'cannot accept volume policy: not signed by the owner');
  }
  const policy = decodePolicy(record.policy);
  if (policy.writerKey.length !== DIGEST_BYTES) {
    throw new GdpfsError('corrupt', 'cannot decode volume policy: the key has a wrong length');
  }
  return {
    epoch: safeInteger(policy.epoch, 'policy epoch'),
    writerKey: policy.writerKey,
    historyDays: policy.historyDays,
  };
}
