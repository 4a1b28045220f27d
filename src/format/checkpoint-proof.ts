import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { type Checkpoint, verifyCheckpoint } from './checkpoint.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import { verifyConsistency } from './merkle.ts';
import { checkpointOrigin, type Policy, verifyPolicy } from './policy.ts';
import { decodeMeta, decodeRecord, logName } from './records.ts';

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
 * The checkpoint, if the name leads to its signature: the name to the owner's key, this one to the
 * writer's, and that one to the checkpoint. Throws `untrusted`, `corrupt`.
 */
export function verifyCheckpointProof(
  volume: Uint8Array,
  proof: Pick<CheckpointProof, 'checkpoint' | 'meta' | 'policy'>,
): Checkpoint {
  const writer = verifyWriter(volume, proof);
  const checkpoint = verifyCheckpoint(proof.checkpoint, {
    publicKey: writer.writerKey,
    keyName: checkpointOrigin(volume),
  });
  if (checkpoint.epoch !== writer.epoch) {
    throw untrusted(`its epoch is ${checkpoint.epoch}, need ${writer.epoch}`);
  }
  return checkpoint;
}

/** The key that the volume's owner has named, and since when. Throws as `verifyCheckpointProof` does. */
export function verifyWriter(
  volume: Uint8Array,
  { meta, policy: record }: Pick<CheckpointProof, 'meta' | 'policy'>,
): Pick<Policy, 'writerKey' | 'epoch'> {
  if (!bytesEqual(logName(meta), volume)) throw untrusted('it is of another volume');
  const { ownerKey } = decodeMeta(meta, LogKind.DIRECTORY);
  if (record.length === 0) return { writerKey: ownerKey, epoch: 0 };
  const body = decodeRecord(record);
  if (body.case !== 'volume') throw untrusted('what names its writer is no policy');
  return verifyPolicy(volume, ownerKey, body.value);
}

/**
 * Does `newer` go on where `older` was? Both are verified checkpoints of one volume; `consistency` is
 * the proof between their counts. Throws `untrusted` that says how it does not.
 */
export function verifyContinuation(
  older: Checkpoint,
  newer: Checkpoint,
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
  if (newer.timeMs < older.timeMs) throw untrusted('its time is before the one seen before');
  if (older.state !== undefined && newer.state === undefined) {
    throw untrusted('it says nothing of the state of the tree any more');
  }
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust checkpoint: ${why}`);
}
