import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCommit, ZERO_DIGEST } from '../format/commit.ts';
import { Chunking, Custody, LogKind } from '../format/generated/gdpfs_pb.js';
import { MerkleFrontier } from '../format/merkle.ts';
import { decodeMeta } from '../format/records.ts';
import { EMPTY_STATE_ROOT } from '../format/state-node.ts';
import { type ChainState, verifyCommit } from '../format/volume-chain.ts';
import type { Signature } from '../log/staged.ts';
import type { VolumeInfo } from './types.ts';

/** The beginning of a volume whose keys are not here. */
export interface ForeignLog {
  /** Before its first record. */
  readonly state: ChainState;
  readonly records: readonly Uint8Array[];
  readonly signature: Omit<Signature, 'volume'>;
  /** What files are cut by, if by content: the owner's key, which says it otherwise, is not here. */
  readonly chunkingKey: Uint8Array | undefined;
}

/** Records of a volume that is new: its meta, and the policy that names the writer. */
const FIRST_RECORDS = 2;

/**
 * Reads the first commit of a volume with custody `client`, which whoever makes the volume has signed.
 * Throws `bad_request`.
 */
export function readForeignLog(
  bytes: Uint8Array,
  options: {
    readonly chunking: VolumeInfo['chunking'];
    readonly chunkingKey: Uint8Array | undefined;
    readonly nowMs: number;
  },
): ForeignLog {
  const { chunking, chunkingKey, nowMs } = options;
  if ((chunkingKey !== undefined) !== (chunking === 'cdc')) {
    throw refused('need a chunking key if files are cut by content, and only then');
  }
  try {
    const commit = decodeCommit(bytes);
    const after = verifyCommit(undefined, commit);
    const [first] = commit.records;
    if (first === undefined || commit.records.length !== FIRST_RECORDS || after.epoch === 0) {
      throw refused('its records are not the meta record and a policy');
    }
    if (commit.parts.length > 0) throw refused('it has file logs');
    const meta = decodeMeta(first, LogKind.DIRECTORY);
    if (meta.custody !== Custody.CLIENT) throw refused('its custody is another');
    const cut = meta.chunking === Chunking.CDC ? 'cdc' : 'fixed';
    if (cut !== chunking) throw refused(`its chunking is ${cut}, need ${chunking}`);
    if (after.state === undefined || !bytesEqual(after.state, EMPTY_STATE_ROOT)) {
      throw refused('its state is not that of an empty map');
    }
    if (after.timeMs > nowMs + LIMITS.signingClockSkewMs)
      throw refused('its time has not come yet');
    const { checkpoint: note } = commit;
    return {
      state: {
        ...after,
        count: 0,
        frontier: new MerkleFrontier().encode(),
        previous: ZERO_DIGEST,
        timeMs: 0,
        state: undefined,
      },
      records: commit.records,
      signature: { note, timeMs: after.timeMs },
      chunkingKey,
    };
  } catch (error) {
    if (!isGdpfsError(error, 'corrupt', 'untrusted')) throw error;
    throw refused(error.message);
  }
}

function refused(why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot create volume: its first commit is refused: ${why}`);
}
