import { base64urlDecode, utf8Encode } from '../../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import type { Checkpoint } from '../../format/checkpoint.ts';
import {
  type CheckpointProof,
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from '../../format/checkpoint-proof.ts';
import { Custody, LogKind } from '../../format/generated/gdpfs_pb.js';
import { isAlias } from '../../format/path.ts';
import { decodeMeta } from '../../format/records.ts';
import { decodeBase64 } from '../../format/signed-note.ts';
import type { Volume, VolumeProof } from '../../wire/generated/api.ts';
import type { CallOptions } from '../files.ts';
import type { Home, Profile } from '../home.ts';
import type { Session } from '../session.ts';
import { getVolume } from '../volumes.ts';
import type { CheckpointStore } from './checkpoint-store.ts';

/** A volume of which the server has shown that it goes on from what was seen before. */
export interface TrustedVolume {
  readonly session: Session;
  readonly store: CheckpointStore;
  /** Who asks. */
  readonly principal: string;
  /** 43 characters. */
  readonly name: string;
  /** Alias or name, as the user gave it. */
  readonly reference: string;
  /** The newest one that the server has shown. */
  readonly checkpoint: ProvenCheckpoint;
  /** The signed note that says it. */
  readonly note: Uint8Array;
  /** Who signs changes, as the volume's name proves. */
  readonly custody: 'server' | 'client';
  /** Public keys in force: the owner's, and that of whoever signed the checkpoint. */
  readonly ownerKey: Uint8Array;
  readonly writerKey: Uint8Array;
  /** The record that names the writer. */
  readonly policy: Uint8Array;
}

/**
 * Asks the server what `reference`, an alias or a name, is, and holds it to what was seen before: an
 * alias keeps its volume, and the history of a volume only grows. What is seen for the first time is
 * believed as far as the volume's name proves it. One exchange, unless parallel commands have left
 * more than one checkpoint. Throws `untrusted`.
 */
export async function trustVolume(
  options: CallOptions & {
    readonly session: Session;
    readonly home: Pick<Home, 'checkpoints' | 'rememberVolume'>;
    readonly profile: Profile;
    readonly reference: string;
  },
): Promise<TrustedVolume> {
  const { session, home, profile, reference, signal } = options;
  const store = home.checkpoints;
  const known = knownName(profile, reference);
  let seen = known === undefined ? [] : await store.read(known);
  let volume = await getVolume(session, reference, { since: countOf(seen), signal });
  const { name } = volume;
  if (known !== undefined && name !== known) await refuseOther(options, name);
  if (name !== known) {
    seen = await store.read(name);
    if (seen.length > 0) volume = await getVolume(session, name, { since: countOf(seen), signal });
  }
  const { principal } = profile;
  const asking = { session, store, principal, name, reference };
  const shown = await holdTo(seen, volume, { ...asking, signal });
  if (isAlias(reference)) await home.rememberVolume(profile, { alias: reference, name });
  return { ...asking, ...shown };
}

/** The same once more, for what has happened since. */
export async function trustAgain(
  trusted: TrustedVolume,
  { signal }: CallOptions = {},
): Promise<TrustedVolume> {
  const { session, store, name } = trusted;
  const seen = await store.read(name);
  const volume = await getVolume(session, name, { since: countOf(seen), signal });
  return { ...trusted, ...(await holdTo(seen, volume, { ...trusted, signal })) };
}

function knownName({ volumes }: Profile, reference: string): string | undefined {
  if (!isAlias(reference)) return reference;
  return Object.hasOwn(volumes, reference) ? volumes[reference] : undefined;
}

/** Throws unless somebody has allowed it since the profile was read. */
async function refuseOther(
  { home, profile, reference }: Parameters<typeof trustVolume>[0],
  name: string,
): Promise<void> {
  if (isAlias(reference)) return await home.rememberVolume(profile, { alias: reference, name });
  throw new GdpfsError(
    'untrusted',
    `cannot use volume "${reference}": the server shows another, "${name}"`,
  );
}

function countOf(seen: readonly Checkpoint[]): number {
  return seen.at(-1)?.count ?? 0;
}

type Shown = Pick<
  TrustedVolume,
  'checkpoint' | 'note' | 'custody' | 'ownerKey' | 'writerKey' | 'policy'
>;
type Asking = Omit<TrustedVolume, keyof Shown> & CallOptions;

/** Throws `untrusted` unless what `volume` shows goes on from all of `seen`; then remembers it. */
async function holdTo(seen: readonly Checkpoint[], volume: Volume, asking: Asking): Promise<Shown> {
  const { store, name, reference } = asking;
  const newest = seen.at(-1);
  try {
    const proof = proofOf(volume);
    const checkpoint = verifyCheckpointProof(nameBytes(name), proof);
    if (newest !== undefined) {
      verifyContinuation(newest, checkpoint, proof.consistency);
      // Two commands at once have seen one each: both must have been shown one history.
      for (const older of seen.slice(0, -1)) await proveBetween(asking, older, checkpoint, asking);
    }
    if (checkpoint.count > countOf(seen)) await store.add(name, proof.checkpoint);
    for (const older of seen) {
      if (older.count < checkpoint.count) await store.drop(name, older);
    }
    return { checkpoint, note: proof.checkpoint, ...keysOf(checkpoint, proof) };
  } catch (cause) {
    if (!isGdpfsError(cause, 'untrusted', 'corrupt')) throw cause;
    throw new GdpfsError('untrusted', `cannot use volume "${reference}": ${cause.message}`, {
      cause,
      hint: `if the server was set back on purpose, as by a backup: gdpfs volume trust --reset gdp://${reference}`,
    });
  }
}

/** Who may change the volume of a proof that was verified. */
function keysOf(
  { writerKey, ownerKeys }: ProvenCheckpoint,
  { meta, policy }: Pick<CheckpointProof, 'meta' | 'policy'>,
): Omit<Shown, 'checkpoint' | 'note'> {
  const { ownerKey: firstKey, custody } = decodeMeta(meta, LogKind.DIRECTORY);
  return {
    custody: custody === Custody.CLIENT ? 'client' : 'server',
    ownerKey: ownerKeys.at(-1) ?? firstKey,
    writerKey,
    policy,
  };
}

/** Has the server prove that `newer` continues `older`; both are verified. Throws `untrusted`. */
export async function proveBetween(
  { session, name }: Pick<TrustedVolume, 'session' | 'name'>,
  older: Checkpoint,
  newer: ProvenCheckpoint,
  { signal }: CallOptions = {},
): Promise<void> {
  const range = { since: older.count, until: newer.count };
  const { consistency } = proofOf(await getVolume(session, name, { ...range, signal }));
  verifyContinuation(older, newer, consistency);
}

function proofOf({ proof }: Volume): CheckpointProof {
  if (proof === undefined) throw malformed();
  return decodeProof(proof);
}

/** Throws `untrusted` for what is not base64. */
export function decodeProof(proof: VolumeProof): CheckpointProof {
  return {
    checkpoint: utf8Encode(proof.checkpoint),
    meta: decoded(proof.meta),
    policy: decoded(proof.policy),
    consistency: proof.consistency.map(decoded),
  };
}

/** Throws `untrusted` for what is not base64. */
export function decoded(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw malformed();
  return bytes;
}

function nameBytes(name: string): Uint8Array {
  const bytes = base64urlDecode(name);
  if (bytes === undefined) throw malformed();
  return bytes;
}

function malformed(): GdpfsError {
  return new GdpfsError('untrusted', 'cannot trust checkpoint: the server shows no proof of it');
}
