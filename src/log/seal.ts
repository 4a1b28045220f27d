import { concatBytes } from '../base/bytes.ts';
import { encodeCheckpoint } from '../format/checkpoint.ts';
import { type Commit, encodeCommit, encodeResults, type PartPlace } from '../format/commit.ts';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { checkpointOrigin, ownerAfter } from '../format/policy.ts';
import { encodeCommitPayload, FRAME_KIND } from '../format/segment.ts';
import { signNote } from '../format/signed-note.ts';
import type { ChainState } from '../format/volume-chain.ts';
import { sha256 } from '../base/digest.ts';
import type { FrameInput } from '../storage/segment-layout.ts';
import type { Signer } from './key-store.ts';
import { growFrontier, type SubtreeRoot } from './log-tree.ts';
import type { Staged } from './staged.ts';

/** A commit ready to be stored. It must not be shown to anyone before its frame is durable. */
export interface SealedCommit {
  /** Index id of the log. */
  readonly volume: number;
  /** The log's state after the commit. */
  readonly state: ChainState;
  readonly commit: Commit;
  /** `commit`, encoded. */
  readonly bytes: Uint8Array;
  readonly places: readonly PartPlace[];
  readonly frame: FrameInput;
  /** Leaf hashes of the records, one behind the other. */
  readonly leaves: Uint8Array;
  /** Of the subtrees that they complete. */
  readonly roots: readonly SubtreeRoot[];
}

/** Computes the root over what was staged, signs the checkpoint and encodes the commit. */
export function sealCommit(
  staged: Staged,
  options: {
    readonly signer: Signer;
    readonly timeMs: number;
    /** Root of the state map after the records; for directory logs. */
    readonly state: Uint8Array | undefined;
  },
): SealedCommit {
  const { volume, records, parts, results } = staged;
  const { state } = options;
  // A clock that goes back must not make time run backwards in the log.
  const timeMs = staged.signature?.timeMs ?? Math.max(options.timeMs, volume.timeMs);
  const { text, frontier, leaves, roots } = checkpointText(staged, { timeMs, state });
  const checkpoint = staged.signature?.note ?? sign(volume, text, options.signer);
  const { count } = frontier;
  const { epoch } = volume;
  const head = {
    volume: volume.name,
    epoch,
    firstSeq: volume.count,
    previous: volume.previous,
    records,
    parts,
  };
  const { bytes, places } = encodeCommit(head, checkpoint);
  return {
    volume: volume.id,
    state: {
      ...volume,
      count,
      frontier: frontier.encode(),
      previous: sha256(checkpoint),
      timeMs,
      state,
    },
    commit: { ...head, checkpoint },
    bytes,
    places,
    leaves,
    roots,
    frame: {
      kind: FRAME_KIND.commit,
      volume: volume.name,
      digest: NO_DIGEST,
      payload: encodeCommitPayload(bytes, encodeResults(results)),
    },
  };
}

/** What the writer of the log signs over what was staged, and the tree that it is about. */
export function checkpointText(
  { volume, records }: Pick<Staged, 'volume' | 'records'>,
  { timeMs, state }: { readonly timeMs: number; readonly state: Uint8Array | undefined },
): Pick<SealedCommit, 'leaves' | 'roots'> & {
  readonly text: Uint8Array;
  readonly frontier: MerkleFrontier;
} {
  const frontier = MerkleFrontier.decode(volume.frontier);
  const leaves = records.map(leafHash);
  const roots = growFrontier(frontier, leaves);
  const origin = checkpointOrigin(volume.name);
  const { count } = frontier;
  const { epoch } = volume;
  const root = frontier.root();
  const owner = ownerAfter(volume.policy);
  const optional = { ...(state && { state }), ...(owner && { owner }) };
  const text = encodeCheckpoint({ origin, count, root, timeMs, epoch, ...optional });
  return { text, frontier, leaves: concatBytes(leaves), roots };
}

function sign(volume: Staged['volume'], text: Uint8Array, signer: Signer): Uint8Array {
  const privateKey = signer.writerKey(volume);
  return signNote({ text, keyName: checkpointOrigin(volume.name), privateKey });
}

/** Commits have no digest in a segment's table. */
const NO_DIGEST = new Uint8Array(32);
