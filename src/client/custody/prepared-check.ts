import { base64urlDecode, bytesEqual } from '../../base/bytes.ts';
import { assert, isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Checkpoint, encodeCheckpoint } from '../../format/checkpoint.ts';
import {
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from '../../format/checkpoint-proof.ts';
import { leafHash, MerkleFrontier } from '../../format/merkle.ts';
import { ownerAfter } from '../../format/policy.ts';
import { decodePreparedCommit, type PreparedCommit } from '../../format/prepared-commit.ts';
import type { AskedChange } from './asked-change.ts';
import { checkChange } from './change-check.ts';
import { ContentCheck } from './content-check.ts';
import { ProvenState } from './proven-state.ts';
import { elsewise, RecordCheck } from './record-check.ts';

/** What may be signed: all of it was checked. */
export interface Signable {
  readonly id: Uint8Array;
  /** What the change continues. */
  readonly base: ProvenCheckpoint;
  /** What it leads to; undefined if it adds nothing. */
  readonly next: Checkpoint | undefined;
  /** Of `next`. */
  readonly text: Uint8Array;
}

export interface CheckOptions {
  /** The volume's name, 43 characters. */
  readonly volume: string;
  /** What was seen of the volume when the change was asked for. */
  readonly seen: Checkpoint;
  /** Principal who asked. */
  readonly author: string;
  readonly nowMs: number;
}

/** Changes of the tree, or a policy record, which names another key. */
export type ToCheck =
  | { readonly changes: readonly AskedChange[] }
  | { readonly policy: Uint8Array; readonly epoch: number };

/**
 * Checks what the server has prepared: that it goes on from what was seen, and does what was asked for
 * and nothing else. Throws `untrusted`.
 */
export function checkPrepared(body: Uint8Array, asked: ToCheck, options: CheckOptions): Signable {
  try {
    return check(decodePreparedCommit(body), asked, options);
  } catch (error) {
    if (!isGdpfsError(error, 'corrupt')) throw error;
    throw elsewise(error.message);
  }
}

function check(prepared: PreparedCommit, asked: ToCheck, options: CheckOptions): Signable {
  const { id, records, evidence, timeMs, frontier: encoded } = prepared;
  const base = checkBase(prepared, options);
  const count = base.count;
  if (base.state === undefined) throw elsewise('its state cannot be proven');
  const state = new ProvenState({ root: base.state, count }, evidence);
  const { author, nowMs } = options;
  const check = new RecordCheck({ state, records, count, author, nowMs });
  const contents = new ContentCheck(prepared.parts);
  if ('policy' in asked) check.expectBytes(asked.policy);
  else for (const change of asked.changes) checkChange({ records: check, contents }, change);
  check.end();
  contents.end();
  const known = { id, base };
  if (records.length === 0) return { ...known, next: undefined, text: new Uint8Array(0) };
  if (timeMs < base.timeMs || Math.abs(timeMs - nowMs) > LIMITS.signingClockSkewMs) {
    throw elsewise(`its time is ${new Date(timeMs).toISOString()}, far from now`);
  }
  const frontier = MerkleFrontier.decode(encoded);
  if (frontier.count !== count || !bytesEqual(frontier.root(), base.root)) {
    throw elsewise('it does not go on from the checkpoint that it shows');
  }
  for (const record of records) frontier.append(leafHash(record));
  const owner = 'policy' in asked ? ownerAfter(asked.policy) : base.owner;
  const next = {
    origin: base.origin,
    count: frontier.count,
    root: frontier.root(),
    timeMs,
    epoch: 'policy' in asked ? asked.epoch : base.epoch,
    state: state.root(),
    ...(owner && { owner }),
  };
  return { ...known, next, text: encodeCheckpoint(next) };
}

/** The checkpoint before, signed by the volume's writer, which goes on from what was seen. */
function checkBase({ evidence }: PreparedCommit, options: CheckOptions): ProvenCheckpoint {
  const base = verifyCheckpointProof(nameOf(options), evidence.checkpoint);
  verifyContinuation(options.seen, base, evidence.checkpoint.consistency);
  return base;
}

function nameOf({ volume }: CheckOptions): Uint8Array {
  const name = base64urlDecode(volume);
  assert(name !== undefined, 'a trusted volume has a name');
  return name;
}
