import { type KeyObject, sign, verify } from 'node:crypto';
import { asBuffer, bytesEqual, concatBytes, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { publicKeyFromRaw, rawPublicKey } from './ed25519.ts';

/**
 * Signed notes of c2sp.org/signed-note with Ed25519 signatures: a text of whole lines, an empty
 * line, then one line `— <key name> <base64 of key id and signature>` for each signature.
 */

export const SIGNATURE_MARK = '\u2014 ';
const NEWLINE = 0x0a;
export const KEY_ID_BYTES = 4;
/** Identifies Ed25519 in key ids. */
const ED25519_TYPE = 0x01;

export interface NoteSignature {
  readonly keyName: string;
  /** 4 bytes that tell keys of the same name apart. */
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Note {
  /** What is signed: whole lines, the last newline included. */
  readonly text: Uint8Array;
  readonly signatures: readonly NoteSignature[];
}

/** `text` must end in a newline; `keyName` is not empty and has neither spaces nor `+`. */
export function signNote(options: {
  readonly text: Uint8Array;
  readonly keyName: string;
  readonly privateKey: KeyObject;
}): Uint8Array {
  const { text, keyName, privateKey } = options;
  assert(isKeyName(keyName), 'key name of a note is well-formed');
  assert(text.at(-1) === NEWLINE, 'text of a note ends in a newline');
  const signature = concatBytes([
    noteKeyId(keyName, rawPublicKey(privateKey)),
    sign(null, text, privateKey),
  ]);
  const line = `\n${SIGNATURE_MARK}${keyName} ${asBuffer(signature).toString('base64')}\n`;
  return concatBytes([text, utf8Encode(line)]);
}

/** Takes a note apart without verifying anything. Throws `corrupt` if it is malformed. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > LIMITS.checkpointBytesMax) {
    throw malformed(`${bytes.length} bytes, need at most ${LIMITS.checkpointBytesMax}`);
  }
  const note = decodeText(bytes);
  // The text may have empty lines of its own: the last one is the separator.
  const separator = note.lastIndexOf('\n\n');
  if (separator === -1) throw malformed('no signatures');
  const lines = note.slice(separator + 2).split('\n');
  if (lines.pop() !== '') throw malformed('it does not end in a newline');
  const signatures = lines.map(parseSignatureLine);
  if (signatures.length === 0) throw malformed('no signatures');
  return { text: utf8Encode(note.slice(0, separator + 1)), signatures };
}

/**
 * Returns the note if it has a valid signature of this key. Signatures of other keys are ignored, as
 * the specification says. Throws `corrupt` if the note is malformed, else `untrusted`.
 */
export function verifyNote(
  bytes: Uint8Array,
  key: { readonly publicKey: Uint8Array; readonly keyName: string },
): Note {
  const note = parseNote(bytes);
  const keyId = noteKeyId(key.keyName, key.publicKey);
  const own = note.signatures.filter(
    (signature) => signature.keyName === key.keyName && bytesEqual(signature.keyId, keyId),
  );
  if (own.length === 0) {
    throw new GdpfsError('untrusted', `cannot verify note: no signature of "${key.keyName}"`);
  }
  const publicKey = publicKeyFromRaw(key.publicKey);
  if (!own.every(({ signature }) => verify(null, note.text, publicKey, signature))) {
    throw new GdpfsError('untrusted', `cannot verify note: wrong signature of "${key.keyName}"`);
  }
  return note;
}

function noteKeyId(keyName: string, publicKey: Uint8Array): Uint8Array {
  const identity = concatBytes([
    utf8Encode(`${keyName}\n`),
    Uint8Array.of(ED25519_TYPE),
    publicKey,
  ]);
  return sha256(identity).subarray(0, KEY_ID_BYTES);
}

function decodeText(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte < 0x20 && byte !== NEWLINE)) {
    throw malformed('it has control characters');
  }
  try {
    return utf8Decode(bytes);
  } catch (error) {
    throw malformed('it is not UTF-8', error);
  }
}

function parseSignatureLine(line: string): NoteSignature {
  const [keyName = '', encoded = '', ...rest] = line.slice(SIGNATURE_MARK.length).split(' ');
  const signature = decodeBase64(encoded);
  if (
    !line.startsWith(SIGNATURE_MARK) ||
    !isKeyName(keyName) ||
    signature === undefined ||
    signature.length <= KEY_ID_BYTES ||
    rest.length > 0
  ) {
    throw malformed('a signature line is malformed');
  }
  return {
    keyName,
    keyId: signature.subarray(0, KEY_ID_BYTES),
    signature: signature.subarray(KEY_ID_BYTES),
  };
}

/** RFC 4648 section 4. Undefined unless `text` is the one canonical encoding of some bytes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

export function isKeyName(text: string): boolean {
  return text !== '' && !/[\s\u0085+]/u.test(text);
}

function malformed(state: string, cause?: unknown): GdpfsError {
  return new GdpfsError('corrupt', `cannot read note: ${state}`, { cause });
}
