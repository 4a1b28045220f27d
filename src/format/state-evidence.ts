import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { CheckpointProof } from './checkpoint-proof.ts';

/** What proves what is at a path, or in a directory: the body that docs/formats.md calls evidence. */
export interface StateEvidence {
  /** Of the checkpoint whose `state` the nodes lead to. */
  readonly checkpoint: CheckpointProof;
  /** Of the state map. */
  readonly nodes: readonly Uint8Array[];
  /** Encoded entries whose hashes the nodes have: those on the way, then those that were listed. */
  readonly entries: readonly Uint8Array[];
  /** Last name of the page that was listed; `''` if it goes to the end. */
  readonly last: string;
}

export function encodeStateEvidence(evidence: StateEvidence): Uint8Array<ArrayBuffer> {
  const { checkpoint, nodes, entries, last } = evidence;
  const writer = new ByteWriter(4096);
  writer.sizedBytes(checkpoint.checkpoint).sizedBytes(checkpoint.meta);
  writer.sizedBytes(checkpoint.policy).uint32(checkpoint.consistency.length);
  for (const hash of checkpoint.consistency) writer.bytes(hash);
  for (const list of [nodes, entries]) {
    writer.uint32(list.length);
    for (const bytes of list) writer.sizedBytes(bytes);
  }
  return writer.sizedBytes(utf8Encode(last)).finish();
}

/** Throws `corrupt` on anything but the whole of one body. */
export function decodeStateEvidence(body: Uint8Array): StateEvidence {
  const reader = new ByteReader(body, 'evidence');
  const checkpoint = reader.sizedBytes(LIMITS.checkpointBytesMax);
  const meta = reader.sizedBytes(LIMITS.recordBytesMax);
  const policy = reader.sizedBytes(LIMITS.recordBytesMax);
  const hashes = reader.count(LIMITS.logProofHashesMax, DIGEST_BYTES);
  const consistency = Array.from({ length: hashes }, () => reader.bytes(DIGEST_BYTES));
  const readList = (): Uint8Array[] => {
    const count = reader.count(LIMITS.evidencePartsMax, 4);
    return Array.from({ length: count }, () => reader.sizedBytes(LIMITS.recordBytesMax * 2));
  };
  const nodes = readList();
  const entries = readList();
  const last = readName(reader);
  reader.end();
  return { checkpoint: { checkpoint, meta, policy, consistency }, nodes, entries, last };
}

function readName(reader: ByteReader): string {
  const bytes = reader.sizedBytes(LIMITS.nameBytesMax);
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode evidence: a name is not UTF-8', { cause });
  }
}
