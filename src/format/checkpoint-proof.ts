import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { type Checkpoint, verifyCheckpoint } from './checkpoint.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import { verifyConsistency } from './merkle.ts';
import { ownerMark, sameOwner, verifySuccession } from './owner-rotation.ts';
import { checkpointOrigin, ownerKeys, verifyPolicy } from './policy.ts';
import { decodeMeta, decodeRecord, logName } from './records.ts';
import { type Snapshot, verifySnapshotsPast } from './snapshot.ts';

/** A checkpoint of which it was proven who has signed it. */
export interface ProvenCheckpoint extends Checkpoint {
  /** Who has: Ed25519 public key, 32 bytes. */
  readonly writerKey: Uint8Array;
  /** The owner keys that follow the log's first one. */
  readonly ownerKeys: readonly Uint8Array[];
  /** States of the volume that have names. */
  readonly snapshots: readonly Snapshot[];
}

/** A volume's newest checkpoint, and what proves it to whoever knows the volume's name. */
export interface CheckpointProof {
  /** Signed note. */
  readonly checkpoint: Uint8Array;
  /** Record 0. */
  readonly meta: Uint8Array;
  /** The newest policy record; empty if the owner is the writer. */
  readonly policy: Uint8Array;
  /** From the count of records that was asked for to another: RFC 6962. */
  readonly consistency: readonly Uint8Array[];
}

/**
 * The checkpoint, if the name leads to its signature: the name to the owner's first key, this one to the
 * owner's key in force, that one to the writer's, and this one to the checkpoint. Throws `untrusted`,
 * `corrupt`.
 */
export function verifyCheckpointProof(
  volume: Uint8Array,
  proof: Pick<CheckpointProof, 'checkpoint' | 'meta' | 'policy'>,
): ProvenCheckpoint {
  const writer = verifyWriter(volume, proof);
  const checkpoint = verifyCheckpoint(proof.checkpoint, {
    publicKey: writer.writerKey,
    keyName: checkpointOrigin(volume),
  });
  if (checkpoint.epoch !== writer.epoch) {
    throw untrusted(`its epoch is ${checkpoint.epoch}, need ${writer.epoch}`);
  }
  if (!sameOwner(checkpoint.owner, ownerMark(writer.ownerKeys))) {
    throw untrusted('it says another owner than the one that has named its writer');
  }
  const { epoch: _, ...named } = writer;
  // A record that comes before the policy's own comes before the last one.
  verifySnapshotsPast(named.snapshots, checkpoint.count - 1);
  return { ...checkpoint, ...named };
}

/** The key that the volume's owner has named, and since when. */
function verifyWriter(
  volume: Uint8Array,
  { meta, policy: record }: Pick<CheckpointProof, 'meta' | 'policy'>,
): Pick<ProvenCheckpoint, 'writerKey' | 'epoch' | 'ownerKeys' | 'snapshots'> {
  if (!bytesEqual(logName(meta), volume)) throw untrusted('it is of another volume');
  const { ownerKey } = decodeMeta(meta, LogKind.DIRECTORY);
  if (record.length === 0) {
    return { writerKey: ownerKey, epoch: 0, ownerKeys: [], snapshots: [] };
  }
  const body = decodeRecord(record);
  if (body.case !== 'volume') throw untrusted('what names its writer is no policy');
  const { rotations, writerKey, epoch, snapshots } = verifyPolicy(volume, ownerKey, body.value);
  return { writerKey, epoch, ownerKeys: ownerKeys({ rotations }), snapshots };
}

/**
 * Does `newer` go on where `older` was, under the same owner or one that this one has named? Both are verified checkpoints of one volume; `consistency` is
 * the proof between their counts. Throws `untrusted` that says how it does not.
 */
export function verifyContinuation(
  older: Checkpoint,
  newer: ProvenCheckpoint,
  consistency: readonly Uint8Array[],
): void {
  if (newer.count < older.count) {
    throw untrusted(`it has ${newer.count} records, and ${older.count} were seen before`);
  }
  const isContinued = verifyConsistency({
    firstCount: older.count,
    firstRoot: older.root,
    secondCount: newer.count,
    secondRoot: newer.root,
    proof: consistency,
  });
  if (!isContinued) throw untrusted('its history is not the one that was seen before');
  if (newer.epoch < older.epoch) {
    throw untrusted(
      `it is signed by the writer of epoch ${newer.epoch}, and ${older.epoch} was seen`,
    );
  }
  verifySuccession(older.owner, newer.ownerKeys);
  if (newer.timeMs < older.timeMs) throw untrusted('its time is before the one seen before');
  if (older.state !== undefined && newer.state === undefined) {
    throw untrusted('it says nothing of the state of the tree any more');
  }
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust checkpoint: ${why}`);
}
