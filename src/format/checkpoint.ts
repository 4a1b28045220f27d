import { asBuffer, base64urlDecode, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import type { OwnerMark } from './owner-rotation.ts';
import { decodeBase64, type NoteSignature, parseNote, verifyNote } from './signed-note.ts';

/**
 * Checkpoints of c2sp.org/tlog-checkpoint: what a volume's writer signs. The text of the note is
 *
 *     gdpfs.v1/<43 characters: the directory log's name>
 *     <records in the log, decimal>
 *     <base64 of the RFC 6962 root over them>
 *     time <milliseconds since the Unix epoch>
 *     epoch <number of the writer key>
 *     state <base64 of a root>                  optional
 *     owner <rotations> <base64 of a key>       once the owner's key was replaced
 *
 * Extension lines that are not known here are allowed: the bytes that were signed are what is kept.
 */
export interface Checkpoint {
  /** `checkpointOrigin` of the directory log; also the name of the key that signs. */
  readonly origin: string;
  /** Records in the log. */
  readonly count: number;
  /** RFC 6962 root over the records. */
  readonly root: Uint8Array;
  readonly timeMs: number;
  readonly epoch: number;
  /** Root of the state map after the records. */
  readonly state?: Uint8Array;
  /** The owner key in force, once the first one was replaced. */
  readonly owner?: OwnerMark;
}

const ORIGIN_PREFIX = 'gdpfs.v1/';

/** The text to be signed, by `signNote` with `keyName: checkpoint.origin`. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { origin, count, root, timeMs, epoch, state, owner } = checkpoint;
  assert(isOrigin(origin), 'origin names a log');
  assert(isCount(count), 'record count is a safe integer');
  assert(isCount(timeMs), 'time is a safe integer');
  assert(isCount(epoch), 'epoch is a safe integer');
  const lines = [origin, count, formatRoot(root), `time ${timeMs}`, `epoch ${epoch}`];
  if (state !== undefined) lines.push(`state ${formatRoot(state)}`);
  if (owner !== undefined) lines.push(`owner ${owner.rotations} ${formatRoot(owner.ownerKey)}`);
  return utf8Encode(`${lines.join('\n')}\n`);
}

export interface ParsedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** The signed bytes. */
  readonly text: Uint8Array;
  readonly signatures: readonly NoteSignature[];
}

/** Reads a checkpoint without verifying its signatures. Throws `corrupt` if it is malformed. */
export function parseCheckpoint(note: Uint8Array): ParsedCheckpoint {
  const { text, signatures } = parseNote(note);
  return { checkpoint: decodeCheckpoint(text), text, signatures };
}

/**
 * Reads a checkpoint that this key has signed for the log `keyName`. Throws `corrupt` if it is
 * malformed, `untrusted` if it is not signed by the key or speaks of another log.
 */
export function verifyCheckpoint(
  note: Uint8Array,
  key: { readonly publicKey: Uint8Array; readonly keyName: string },
): Checkpoint {
  const checkpoint = decodeCheckpoint(verifyNote(note, key).text);
  if (checkpoint.origin !== key.keyName) {
    throw new GdpfsError(
      'untrusted',
      `cannot verify checkpoint: origin "${checkpoint.origin}", need "${key.keyName}"`,
    );
  }
  return checkpoint;
}

function decodeCheckpoint(text: Uint8Array): Checkpoint {
  const lines = utf8Decode(text).split('\n');
  lines.pop();
  const [origin = '', count = '', root = '', ...extensions] = lines;
  if (!isOrigin(origin)) throw malformed('origin');
  if (extensions.includes('')) throw malformed('extension line');
  const state = extension(extensions, 'state');
  const owner = extension(extensions, 'owner');
  return {
    origin,
    count: parseInteger(count, 'record count'),
    root: parseRoot(root, 'root'),
    timeMs: parseInteger(extension(extensions, 'time'), 'time'),
    epoch: parseInteger(extension(extensions, 'epoch'), 'epoch'),
    ...(state === undefined ? {} : { state: parseRoot(state, 'state') }),
    ...(owner === undefined ? {} : { owner: parseOwner(owner) }),
  };
}

/** The value of the one line `<name> <value>`. */
function extension(lines: readonly string[], name: string): string | undefined {
  const values = lines.filter((line) => line.split(' ', 1)[0] === name);
  if (values.length > 1) throw malformed(name);
  return values[0]?.slice(name.length + 1);
}

function parseOwner(text: string): OwnerMark {
  const [number, key = '', ...more] = text.split(' ');
  const rotations = parseInteger(number, 'owner');
  if (rotations === 0 || more.length > 0) throw malformed('owner');
  return { rotations, ownerKey: parseRoot(key, 'owner') };
}

function isOrigin(text: string): boolean {
  if (!text.startsWith(ORIGIN_PREFIX)) return false;
  return base64urlDecode(text.slice(ORIGIN_PREFIX.length))?.length === DIGEST_BYTES;
}

function formatRoot(root: Uint8Array): string {
  assert(root.length === DIGEST_BYTES, 'a root is a digest, a key is as long');
  return asBuffer(root).toString('base64');
}

function parseRoot(text: string, what: string): Uint8Array {
  const root = decodeBase64(text);
  if (root?.length !== DIGEST_BYTES) throw malformed(what);
  return root;
}

function parseInteger(text: string | undefined, what: string): number {
  const value = text !== undefined && /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1;
  if (!isCount(value)) throw malformed(what);
  return value;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function malformed(what: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot read checkpoint: malformed ${what}`);
}
