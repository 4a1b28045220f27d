import { EMPTY_BYTES, utf8Decode, utf8Encode } from '../base/bytes.ts';
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
  /** If it is about an earlier state: the checkpoint of that one, whose `state` the nodes lead to. */
  readonly past?: PastCheckpoint | undefined;
  /** For a reader of a part of the tree: the signed note whose `state` the nodes lead to instead. */
  readonly view?: Uint8Array | undefined;
}

/** A checkpoint of the past, and what proves it beside the newest one. */
export interface PastCheckpoint extends Pick<CheckpointProof, 'checkpoint' | 'policy'> {
  /** From this one to the newest. */
  readonly consistency: readonly Uint8Array[];
}

export function encodeStateEvidence(evidence: StateEvidence): Uint8Array<ArrayBuffer> {
  const { checkpoint, nodes, entries, last } = evidence;
  const { past, view } = evidence;
  const writer = new ByteWriter(4096);
  writer.sizedBytes(checkpoint.checkpoint).sizedBytes(checkpoint.meta);
  writeHashes(writer.sizedBytes(checkpoint.policy), checkpoint.consistency);
  for (const list of [nodes, entries]) {
    writer.uint32(list.length);
    for (const bytes of list) writer.sizedBytes(bytes);
  }
  writer.sizedBytes(utf8Encode(last));
  if (past === undefined && view === undefined) return writer.finish();
  writer.sizedBytes(view ?? EMPTY_BYTES).sizedBytes(past?.checkpoint ?? EMPTY_BYTES);
  writeHashes(writer.sizedBytes(past?.policy ?? EMPTY_BYTES), past?.consistency ?? []);
  return writer.finish();
}

function writeHashes(writer: ByteWriter, hashes: readonly Uint8Array[]): void {
  writer.uint32(hashes.length);
  for (const hash of hashes) writer.bytes(hash);
}

/** Throws `corrupt` on anything but the whole of one body. */
export function decodeStateEvidence(body: Uint8Array): StateEvidence {
  const reader = new ByteReader(body, 'evidence');
  const checkpoint = reader.sizedBytes(LIMITS.checkpointBytesMax);
  const meta = reader.sizedBytes(LIMITS.recordBytesMax);
  const policy = reader.sizedBytes(LIMITS.recordBytesMax);
  const consistency = readHashes(reader);
  const readList = (): Uint8Array[] => {
    const count = reader.count(LIMITS.evidencePartsMax, 4);
    return Array.from({ length: count }, () => reader.sizedBytes(LIMITS.recordBytesMax * 2));
  };
  const nodes = readList();
  const entries = readList();
  const last = readName(reader);
  const more = reader.remaining === 0 ? {} : readMore(reader);
  reader.end();
  return { checkpoint: { checkpoint, meta, policy, consistency }, nodes, entries, last, ...more };
}

function readMore(reader: ByteReader): Pick<StateEvidence, 'past' | 'view'> {
  const view = reader.sizedBytes(LIMITS.checkpointBytesMax);
  const checkpoint = reader.sizedBytes(LIMITS.checkpointBytesMax);
  const policy = reader.sizedBytes(LIMITS.recordBytesMax);
  const past = { checkpoint, policy, consistency: readHashes(reader) };
  return {
    view: view.length === 0 ? undefined : view,
    past: checkpoint.length === 0 ? undefined : past,
  };
}

function readHashes(reader: ByteReader): Uint8Array[] {
  const count = reader.count(LIMITS.logProofHashesMax, DIGEST_BYTES);
  return Array.from({ length: count }, () => reader.bytes(DIGEST_BYTES));
}

function readName(reader: ByteReader): string {
  const bytes = reader.sizedBytes(LIMITS.nameBytesMax);
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode evidence: a name is not UTF-8', { cause });
  }
}
