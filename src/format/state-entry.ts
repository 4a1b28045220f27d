import { asBuffer, newBytes, StartViews, utf8Decode } from '../base/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import type { FilePin } from './dentry.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import { parseName } from './path.ts';

/** What the state map has of one name: what a dentry has made of it. */
export interface StateEntry {
  readonly parent: number;
  readonly name: string;
  readonly node: number;
  /** Of the dentry that says this. */
  readonly seq: number;
  readonly kind: NodeKind;
  readonly mode: number;
  /** May be negative. */
  readonly mtimeUs: number;
  readonly author: string;
  /** Bytes; 0 for all but files. */
  readonly size: number;
  /** Files only. */
  readonly file: FilePin | undefined;
  /** Symbolic links only. */
  readonly target: string | undefined;
}

const LEAF_PREFIX = 0x02;
const PARENT_BYTES = 8;
const TWO_32 = 2 ** 32;

/** Bytes of the longest key. */
export const STATE_KEY_BYTES_MAX: number = PARENT_BYTES + LIMITS.nameBytesMax + 1;

/** `uint64 parent | name | 0x00`: no key begins another, since names have no NUL. */
export function stateKey(parent: number, name: string): Uint8Array {
  const nameBytes = Buffer.byteLength(name);
  const key = newBytes(PARENT_BYTES + nameBytes + 1);
  writeInt64(key, 0, parent);
  // In ASCII a character is a byte. A Buffer for each key would cost more than writing it.
  if (nameBytes === name.length) {
    for (let index = 0; index < nameBytes; index += 1) {
      key[PARENT_BYTES + index] = name.charCodeAt(index);
    }
  } else {
    asBuffer(key).write(name, PARENT_BYTES);
  }
  return key;
}

/** What all keys of a directory begin with. */
export function stateKeyPrefix(parent: number): Uint8Array {
  const prefix = newBytes(PARENT_BYTES);
  writeInt64(prefix, 0, parent);
  return prefix;
}

/** The bytes that a leaf is the hash of, without the prefix byte. */
export function encodeStateEntry(entry: StateEntry): Uint8Array {
  return Uint8Array.from(encode(entry).subarray(1));
}

/** Hash of the leaf for an entry. */
export function stateLeafHash(entry: StateEntry): Uint8Array {
  return sha256(encode(entry));
}

/** The same, of an entry that came encoded. */
export function hashStateEntry(encoded: Uint8Array): Uint8Array {
  const bytes = newBytes(1 + encoded.length);
  bytes[0] = LEAF_PREFIX;
  bytes.set(encoded, 1);
  return sha256(bytes);
}

/** Three texts, each as long as a record allows, and what is between them. */
let scratch: Buffer = Buffer.allocUnsafe(4096);
let encodings = new StartViews(scratch);

/** A view of the scratch buffer, with the prefix byte of a leaf. */
function encode(entry: StateEntry): Uint8Array {
  const { parent, name, node, seq, kind, mode, mtimeUs, author, size, file, target } = entry;
  const texts = name.length + author.length + (target?.length ?? 0);
  // A UTF-16 unit takes at most three bytes.
  if (scratch.length < 512 + 3 * texts) {
    scratch = Buffer.allocUnsafe(512 + 3 * texts);
    encodings = new StartViews(scratch);
  }
  let end = 1;
  scratch[0] = LEAF_PREFIX;
  end = writeInt64(scratch, end, parent);
  end = writeText(end, name);
  end = writeInt64(scratch, end, node);
  end = writeInt64(scratch, end, seq);
  scratch[end] = kind;
  end = scratch.writeUInt16BE(mode, end + 1);
  end = writeInt64(scratch, end, mtimeUs);
  end = writeText(end, author);
  if (kind === NodeKind.FILE) {
    assert(file !== undefined, 'a file has content');
    end = writeInt64(scratch, end, size);
    scratch.set(file.log, end);
    end = writeInt64(scratch, end + DIGEST_BYTES, file.logCount);
    scratch.set(file.root, end);
    scratch.set(file.content, end + DIGEST_BYTES);
    end += 2 * DIGEST_BYTES;
  } else if (kind === NodeKind.SYMLINK) {
    end = writeText(end, target ?? '');
  }
  return encodings.of(end);
}

function writeText(offset: number, text: string): number {
  const length = scratch.write(text, offset + 2);
  scratch.writeUInt16BE(length, offset);
  return offset + 2 + length;
}

/** Two's complement; much faster than by way of BigInt, or of a Buffer. */
function writeInt64(bytes: Uint8Array, offset: number, value: number): number {
  const high = Math.floor(value / TWO_32);
  return writeUint32(bytes, writeUint32(bytes, offset, high), value - high * TWO_32);
}

/** The low 32 bits of `value`. */
function writeUint32(bytes: Uint8Array, offset: number, value: number): number {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  // Whatever does not fit is cut off.
  bytes[offset + 3] = value;
  return offset + 4;
}

/** Reads what `encodeStateEntry` wrote. Throws `corrupt` on anything else. */
export function decodeStateEntry(bytes: Uint8Array): StateEntry {
  const reader = new ByteReader(bytes, 'state entry');
  const parent = reader.uint64();
  const name = parseName(readText(reader));
  const node = reader.uint64();
  const seq = reader.uint64();
  const kind = reader.uint8();
  const mode = reader.uint16();
  const mtimeUs = Number(asBuffer(reader.bytes(8)).readBigInt64BE());
  const author = readText(reader);
  let size = 0;
  let file: FilePin | undefined;
  let target: string | undefined;
  if (kind === NodeKind.FILE) {
    size = reader.uint64();
    const log = reader.bytes(DIGEST_BYTES);
    const logCount = reader.uint64();
    const root = reader.bytes(DIGEST_BYTES);
    file = { log, logCount, root, content: reader.bytes(DIGEST_BYTES) };
  } else if (kind === NodeKind.SYMLINK) {
    target = readText(reader);
  } else if (kind !== NodeKind.DIRECTORY) {
    throw new GdpfsError('corrupt', `cannot decode state entry: kind ${kind}`);
  }
  reader.end();
  return { parent, name, node, seq, kind, mode, mtimeUs, author, size, file, target };
}

function readText(reader: ByteReader): string {
  try {
    return utf8Decode(reader.bytes(reader.uint16()));
  } catch (cause) {
    if (cause instanceof GdpfsError) throw cause;
    throw new GdpfsError('corrupt', 'cannot decode state entry: not UTF-8', { cause });
  }
}
