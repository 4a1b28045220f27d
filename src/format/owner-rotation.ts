import { type KeyObject, sign, verify } from 'node:crypto';
import { bytesEqual, concatBytes, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteWriter } from './byte-writer.ts';
import { publicKeyFromRaw } from './ed25519.ts';

/** A log's owner key was replaced: the next one, and the signature of the one before. */
export interface OwnerRotation {
  /** Ed25519 public key, 32 bytes. */
  readonly ownerKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** The owner key in force, once the first one was replaced: what a checkpoint says of it. */
export interface OwnerMark {
  /** How many rotations there were before. */
  readonly rotations: number;
  /** Ed25519 public key, 32 bytes. */
  readonly ownerKey: Uint8Array;
}

const DOMAIN = utf8Encode('gdpfs/v1 volume owner\n');

/**
 * `before` and one rotation more: `owner`, the key in force, names `next`, a public key. Throws
 * `bad_request` if there were as many as there may be.
 */
export function rotateOwner(options: {
  /** Name of the log. */
  readonly volume: Uint8Array;
  readonly before: readonly OwnerRotation[];
  readonly owner: KeyObject;
  readonly next: Uint8Array;
}): OwnerRotation[] {
  const { volume, before, owner, next: ownerKey } = options;
  if (before.length >= LIMITS.ownerRotationsMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot replace owner key: it was replaced ${before.length} times, need at most ${LIMITS.ownerRotationsMax}`,
    );
  }
  const text = signedText(volume, before.length + 1, ownerKey);
  return [...before, { ownerKey, signature: new Uint8Array(sign(null, text, owner)) }];
}

/**
 * The owner keys that follow the log's first one, in their order. Throws `untrusted` unless each is
 * named by the one before it, and none of them twice.
 */
export function verifyRotations(
  volume: Uint8Array,
  firstKey: Uint8Array,
  rotations: readonly OwnerRotation[],
): Uint8Array[] {
  if (rotations.length > LIMITS.ownerRotationsMax) throw untrusted('there are too many');
  const keys = [firstKey];
  for (const [index, { ownerKey, signature }] of rotations.entries()) {
    const before = keys[index] ?? firstKey;
    if (ownerKey.length !== DIGEST_BYTES) throw untrusted('a key has a wrong length');
    if (keys.some((key) => bytesEqual(key, ownerKey))) throw untrusted('a key comes twice');
    const text = signedText(volume, index + 1, ownerKey);
    if (!verify(null, text, publicKeyFromRaw(before), signature)) {
      throw untrusted(`number ${index + 1} is not signed by the owner before`);
    }
    keys.push(ownerKey);
  }
  return keys.slice(1);
}

/** Undefined if the first key is in force. */
export function ownerMark(keys: readonly Uint8Array[]): OwnerMark | undefined {
  const ownerKey = keys.at(-1);
  return ownerKey && { rotations: keys.length, ownerKey };
}

export function sameOwner(left: OwnerMark | undefined, right: OwnerMark | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left.rotations === right.rotations && bytesEqual(left.ownerKey, right.ownerKey);
}

/**
 * Throws `untrusted` unless `keys`, the owner keys that follow the first one, lead through `seen`: an
 * owner of the past, or one of another succession, is refused.
 */
export function verifySuccession(seen: OwnerMark | undefined, keys: readonly Uint8Array[]): void {
  if (seen === undefined) return;
  const { rotations } = seen;
  if (keys.length < rotations) {
    throw untrusted(`there are ${keys.length}, and ${rotations} were seen before`);
  }
  const key = keys[rotations - 1];
  if (key === undefined || !bytesEqual(key, seen.ownerKey)) {
    throw untrusted(`number ${rotations} is not the one that was seen before`);
  }
}

function signedText(volume: Uint8Array, number: number, ownerKey: Uint8Array): Uint8Array {
  const numbered = new ByteWriter(8).uint64(number).finish();
  return concatBytes([DOMAIN, volume, numbered, ownerKey]);
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust the owner's rotations: ${why}`);
}
