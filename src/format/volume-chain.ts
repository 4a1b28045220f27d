import { bytesEqual, EMPTY_BYTES } from '../base/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { verifyCheckpoint } from './checkpoint.ts';
import { type Commit, ZERO_DIGEST } from './commit.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import { leafHash, MerkleFrontier } from './merkle.ts';
import { sameOwner } from './owner-rotation.ts';
import { checkpointOrigin, ownerAfter, verifyNextPolicy, verifyPolicy } from './policy.ts';
import { decodeMeta, decodeRecord, logName } from './records.ts';

/** What must be known of a directory log to check its next commit. */
export interface ChainState {
  /** Name of the directory log. */
  readonly name: Uint8Array;
  readonly kind: LogKind.DIRECTORY | LogKind.SYSTEM;
  /** That of the meta record: the first one. */
  readonly ownerKey: Uint8Array;
  readonly writerKey: Uint8Array;
  readonly epoch: number;
  /** The record that names writer and epoch, and the owner in force; empty before the first one. */
  readonly policy: Uint8Array;
  readonly count: number;
  /** Encoded MerkleFrontier over the records. */
  readonly frontier: Uint8Array;
  /** SHA-256 of the newest checkpoint note. */
  readonly previous: Uint8Array;
  readonly timeMs: number;
  /** Root of the state map, once a checkpoint has said one: then all later ones must. */
  readonly state: Uint8Array | undefined;
}

/**
 * Checks `commit` against the log as it stood (`undefined` before the first commit) and returns the
 * new state: name, sequence, link to the checkpoint before, policy signatures, root, checkpoint
 * signature. This is the rule by which a server recovers, fsck checks and a client verifies
 * (DESIGN §3). Throws `untrusted` for what its writer did not sign, `corrupt` for malformed bytes.
 */
export function verifyCommit(before: ChainState | undefined, commit: Commit): ChainState {
  const state = before ?? firstState(commit);
  if (!bytesEqual(commit.volume, state.name)) throw broken(commit, 'it belongs to another volume');
  if (commit.firstSeq !== state.count) {
    throw broken(commit, `it starts at ${commit.firstSeq}, need ${state.count}`);
  }
  if (!bytesEqual(commit.previous, state.previous)) {
    throw broken(commit, 'it does not follow the checkpoint before it');
  }
  if (commit.records.length === 0) throw broken(commit, 'it has no records');
  const keys = checkRecords(state, commit);
  const frontier = MerkleFrontier.decode(state.frontier);
  for (const record of commit.records) frontier.append(leafHash(record));
  const checkpoint = verifyCheckpoint(commit.checkpoint, {
    publicKey: keys.writerKey,
    keyName: checkpointOrigin(state.name),
  });
  const count = state.count + commit.records.length;
  if (checkpoint.origin !== checkpointOrigin(state.name)) throw broken(commit, 'a foreign origin');
  if (checkpoint.count !== count || !bytesEqual(checkpoint.root, frontier.root())) {
    throw broken(commit, 'its records are not those that were signed');
  }
  if (checkpoint.epoch !== keys.epoch || commit.epoch !== keys.epoch) {
    throw broken(commit, `its epoch is ${commit.epoch}, need ${keys.epoch}`);
  }
  if (!sameOwner(checkpoint.owner, ownerAfter(keys.policy))) {
    throw broken(commit, 'its checkpoint is of another owner');
  }
  if (checkpoint.timeMs < state.timeMs) throw broken(commit, 'its time is before the last one');
  if (state.state !== undefined && checkpoint.state === undefined) {
    throw broken(commit, 'its checkpoint says nothing of the state of the tree any more');
  }
  return {
    ...state,
    ...keys,
    count,
    frontier: frontier.encode(),
    previous: sha256(commit.checkpoint),
    timeMs: checkpoint.timeMs,
    state: checkpoint.state,
  };
}

function firstState(commit: Commit): ChainState {
  const first = commit.records[0];
  if (first === undefined) throw broken(commit, 'it has no records');
  if (!bytesEqual(logName(first), commit.volume)) throw broken(commit, 'the name is another');
  const body = decodeRecord(first);
  const kind = body.case === 'meta' ? body.value.kind : LogKind.UNSPECIFIED;
  if (kind !== LogKind.DIRECTORY && kind !== LogKind.SYSTEM) {
    throw broken(commit, 'it is not a directory log');
  }
  const { ownerKey } = decodeMeta(first, kind);
  if (ownerKey.length !== DIGEST_BYTES) throw broken(commit, 'its owner key has a wrong length');
  return {
    name: commit.volume,
    kind,
    ownerKey,
    writerKey: ownerKey,
    epoch: 0,
    policy: EMPTY_BYTES,
    count: 0,
    frontier: new MerkleFrontier().encode(),
    previous: ZERO_DIGEST,
    timeMs: 0,
    state: undefined,
  };
}

/** Kinds of records that the log may hold, and the writer key after these records. */
function checkRecords(
  state: ChainState,
  commit: Commit,
): Pick<ChainState, 'writerKey' | 'epoch' | 'policy'> {
  let { writerKey, epoch, policy: record } = state;
  for (const [index, bytes] of commit.records.entries()) {
    const body = decodeRecord(bytes);
    const seq = commit.firstSeq + index;
    if ((seq === 0) !== (body.case === 'meta')) throw broken(commit, `record ${seq} is misplaced`);
    if (body.case === 'volume') {
      const policy = verifyPolicy(state.name, state.ownerKey, body.value);
      verifyNextPolicy(record, policy, seq);
      ({ writerKey, epoch } = policy);
      record = bytes.slice();
    } else if (body.case !== 'meta' && body.case !== contentCase(state.kind)) {
      throw broken(commit, `record ${seq} is a ${body.case}`);
    }
  }
  return { writerKey, epoch, policy: record };
}

function contentCase(kind: ChainState['kind']): 'dentry' | 'system' {
  return kind === LogKind.DIRECTORY ? 'dentry' : 'system';
}

function broken(commit: Commit, why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot verify commit at ${commit.firstSeq}: ${why}`);
}
