import { type KeyObject, sign, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { base64urlEncode, concatBytes, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { publicKeyFromRaw } from './ed25519.ts';
import { type GDPfsVolume, type VolumePolicy, VolumePolicySchema } from './generated/gdpfs_pb.js';
import {
  type OwnerMark,
  type OwnerRotation,
  ownerMark,
  verifyRotations,
  verifySuccession,
} from './owner-rotation.ts';
import { decodeCommonPolicy } from './record-decoder.ts';
import { decodeRecord, encodeRecord, safeInteger } from './records.ts';
import {
  checkSnapshots,
  type Snapshot,
  verifyNextSnapshots,
  verifySnapshotsPast,
} from './snapshot.ts';

/** What a volume's owner has signed: who may write, and what of the history is kept. */
export interface Policy {
  /** Rises with every policy; the first is 1. */
  readonly epoch: number;
  /** Ed25519 public key, 32 bytes. */
  readonly writerKey: Uint8Array;
  /** For how long the past is kept; `HISTORY_FOREVER` for good. */
  readonly historyDays: number;
  /** How the log's first owner key led to the one that signs this. */
  readonly rotations: readonly OwnerRotation[];
  /** States that are kept whatever their age, ascending by their names. */
  readonly snapshots: readonly Snapshot[];
}

export const HISTORY_DAYS_DEFAULT = 30;
/** More days than there will be. */
export const HISTORY_FOREVER = 0xffff_ffff;

const DOMAIN = utf8Encode('gdpfs/v1 volume policy\n');

/** First line of every checkpoint of a volume, and the name of the key that signs it. */
export function checkpointOrigin(volume: Uint8Array): string {
  return `gdpfs.v1/${base64urlEncode(volume)}`;
}

/** A `GDPfsVolume` record for the log named `volume`, signed with the Ed25519 key of the owner in force. */
export function encodePolicyRecord(options: {
  readonly volume: Uint8Array;
  readonly policy: Policy;
  readonly ownerKey: KeyObject;
}): Uint8Array<ArrayBuffer> {
  const { epoch, rotations, snapshots, ...rest } = options.policy;
  const init = {
    ...rest,
    epoch: BigInt(epoch),
    rotations: [...rotations],
    snapshots: snapshots.map(({ name, seq, createdMs }) => {
      return { name, seq: BigInt(seq), createdMs: BigInt(createdMs) };
    }),
  };
  const policy = toBinary(VolumePolicySchema, create(VolumePolicySchema, init));
  const signed = concatBytes([DOMAIN, options.volume, policy]);
  const ownerSignature = new Uint8Array(sign(null, signed, options.ownerKey));
  return encodeRecord({ case: 'volume', value: { policy, ownerSignature } });
}

/** What a policy record says, whoever signed it. Throws `corrupt`, also for another record. */
export function readPolicy(record: Uint8Array): Policy {
  const body = decodeRecord(record);
  if (body.case !== 'volume') {
    throw new GdpfsError('corrupt', `cannot decode volume policy: it is a ${body.case}`);
  }
  return decodePolicy(body.value.policy);
}

/**
 * The owner key in force after a policy record that was verified; undefined if it is the log's first,
 * or there is no record.
 */
export function ownerAfter(record: Uint8Array): OwnerMark | undefined {
  return record.length === 0 ? undefined : ownerMark(ownerKeys(readPolicy(record)));
}

/** Owner keys that follow the log's first one. */
export function ownerKeys({ rotations }: Pick<Policy, 'rotations'>): Uint8Array[] {
  return rotations.map(({ ownerKey }) => ownerKey);
}

/**
 * Throws `untrusted` unless the owner signed this policy for this volume. `firstKey` is the owner key of
 * the log's meta record; the policy says how that one led to the one that has signed it.
 */
export function verifyPolicy(
  volume: Uint8Array,
  firstKey: Uint8Array,
  record: GDPfsVolume,
): Policy {
  const { policy, problem } = tryDecode(record.policy);
  const ownerKey = verifyRotations(volume, firstKey, policy?.rotations ?? []).at(-1) ?? firstKey;
  const signed = concatBytes([DOMAIN, volume, record.policy]);
  if (!verify(null, signed, publicKeyFromRaw(ownerKey), record.ownerSignature)) {
    throw new GdpfsError('untrusted', 'cannot accept volume policy: not signed by the owner');
  }
  if (policy === undefined) throw problem;
  return policy;
}

/**
 * Throws `untrusted` unless `after`, in record `seq`, may follow the policy record `before` (empty if there
 * was none) in a log: its epoch is higher, its owner the same or one that this one has named, and its
 * snapshots are those of before or states that came before it.
 */
export function verifyNextPolicy(before: Uint8Array, after: Policy, seq: number): void {
  const known = before.length === 0 ? undefined : readPolicy(before);
  if (after.epoch <= (known?.epoch ?? 0)) {
    throw new GdpfsError(
      'untrusted',
      `cannot accept volume policy: epoch ${after.epoch} is not new`,
    );
  }
  verifySuccession(ownerMark(known === undefined ? [] : ownerKeys(known)), ownerKeys(after));
  verifySnapshotsPast(after.snapshots, seq);
  verifyNextSnapshots(known?.snapshots ?? [], after.snapshots);
}

/** Whatever cannot be decoded was not checked yet: a wrong signature is said before it. */
function tryDecode(
  bytes: Uint8Array,
):
  | { readonly policy: Policy; readonly problem?: never }
  | { readonly policy?: never; readonly problem: unknown } {
  try {
    return { policy: decodePolicy(bytes) };
  } catch (problem) {
    return { problem };
  }
}

function decodePolicy(bytes: Uint8Array): Policy {
  let decoded: VolumePolicy;
  try {
    decoded = decodeCommonPolicy(bytes) ?? fromBinary(VolumePolicySchema, bytes);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode volume policy: not a VolumePolicy', { cause });
  }
  const { epoch, writerKey, historyDays, rotations } = decoded;
  const snapshots = decoded.snapshots.map(({ name, seq, createdMs }) => ({
    name,
    seq: safeInteger(seq, 'seq of a snapshot'),
    createdMs: safeInteger(createdMs, 'time of a snapshot'),
  }));
  checkSnapshots(snapshots);
  if (writerKey.length !== DIGEST_BYTES) {
    throw new GdpfsError('corrupt', 'cannot decode volume policy: the key has a wrong length');
  }
  return {
    epoch: safeInteger(epoch, 'policy epoch'),
    writerKey,
    historyDays,
    rotations: rotations.map(({ ownerKey, signature }) => ({ ownerKey, signature })),
    snapshots,
  };
}
