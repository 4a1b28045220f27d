import { type KeyObject, sign, verify } from 'node:crypto';
import { asBuffer, bytesEqual, concatBytes, hexEncode, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { publicKeyFromRaw, rawPublicKey } from './ed25519.ts';
import { decodeBase64, isKeyName, KEY_ID_BYTES, parseNote, SIGNATURE_MARK } from './signed-note.ts';

/**
 * Cosignatures of c2sp.org/tlog-cosignature (`cosignature/v1`, Ed25519): a witness has seen the
 * checkpoint, at a time, and it continued all that the witness had seen of the log before.
 */

/** Type of the key in key ids. */
const COSIGNATURE_TYPE = 0x04;

/** Who cosigns. As text, in the C2SP form for verifier keys: `<name>+<key id>+<type and key>`. */
export interface WitnessKey {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export function formatWitnessKey({ name, publicKey }: WitnessKey): string {
  const key = concatBytes([Uint8Array.of(COSIGNATURE_TYPE), publicKey]);
  const id = hexEncode(keyId({ name, publicKey }));
  return `${name}+${id}+${asBuffer(key).toString('base64')}`;
}

/** Throws `bad_request` for anything but a key of a witness. */
export function parseWitnessKey(text: string): WitnessKey {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const key = decodeBase64(encoded);
  if (key?.[0] === COSIGNATURE_TYPE && key.length === 1 + DIGEST_BYTES && isKeyName(name)) {
    const witness = { name, publicKey: key.subarray(1) };
    if (hexEncode(keyId(witness)) === id) return witness;
  }
  throw new GdpfsError(
    'bad_request',
    `cannot use witness key ${JSON.stringify(text)}: need "name+key id+key" of a witness`,
  );
}

/** The note with one signature more. `timeS` is in seconds since the Unix epoch. */
export function cosignNote(
  note: Uint8Array,
  by: { readonly name: string; readonly privateKey: KeyObject; readonly timeS: number },
): Uint8Array {
  const { name, privateKey, timeS } = by;
  assert(isKeyName(name), 'key name of a witness is well-formed');
  const { text } = parseNote(note);
  const writer = new ByteWriter(80).bytes(keyId({ name, publicKey: rawPublicKey(privateKey) }));
  writer.uint64(timeS).bytes(sign(null, cosigned(text, timeS), privateKey));
  const line = `${SIGNATURE_MARK}${name} ${asBuffer(writer.finish()).toString('base64')}\n`;
  return concatBytes([note, utf8Encode(line)]);
}

/**
 * When the witness cosigned the note, in seconds since the Unix epoch. Throws `untrusted` if it has
 * not, or its signature is wrong, `corrupt` if the note is malformed.
 */
export function verifyCosignature(note: Uint8Array, witness: WitnessKey): number {
  const { text, signatures } = parseNote(note);
  const id = keyId(witness);
  const own = signatures.find(
    (signature) => signature.keyName === witness.name && bytesEqual(signature.keyId, id),
  );
  if (own === undefined) throw untrusted(witness, 'it has none');
  const reader = new ByteReader(own.signature, 'cosignature');
  const timeS = reader.uint64();
  const signature = reader.bytes(64);
  reader.end();
  const key = publicKeyFromRaw(witness.publicKey);
  if (!verify(null, cosigned(text, timeS), key, signature)) throw untrusted(witness, 'it is wrong');
  return timeS;
}

function cosigned(text: Uint8Array, timeS: number): Uint8Array {
  return concatBytes([utf8Encode(`cosignature/v1\ntime ${timeS}\n`), text]);
}

function keyId({ name, publicKey }: WitnessKey): Uint8Array {
  const identity = [utf8Encode(`${name}\n`), Uint8Array.of(COSIGNATURE_TYPE), publicKey];
  return sha256(concatBytes(identity)).subarray(0, KEY_ID_BYTES);
}

function untrusted({ name }: WitnessKey, why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot verify cosignature of "${name}": ${why}`);
}
