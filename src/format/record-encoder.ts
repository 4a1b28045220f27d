import type { MessageInitShape } from '@bufbuild/protobuf';
import { asBuffer, newBytes } from '../base/bytes.ts';
import type {
  GDPfsDentrySchema,
  GDPfsMsgSchema,
  SystemRecordSchema,
} from './generated/gdpfs_pb.js';

export type MessageBody = NonNullable<MessageInitShape<typeof GDPfsMsgSchema>['body']>;
export type DentryMessage = MessageInitShape<typeof GDPfsDentrySchema>;
/** Fields of a dentry that have 64 bits. */
type DentryLongs = 'parent' | 'node' | 'size' | 'logCount' | 'mtimeUs';

/** Its numbers must be safe integers. A dentry is made for each small file, and a BigInt is an object. */
export type DentryInit = Omit<DentryMessage, DentryLongs | '$typeName' | '$unknown'> & {
  [Field in DentryLongs]?: bigint | number | undefined;
};
export type SystemRecordInit = MessageInitShape<typeof SystemRecordSchema>;
export type RecordInit =
  | Exclude<MessageBody, { readonly case: 'dentry' }>
  | { readonly case: 'dentry'; readonly value: DentryInit };

/**
 * The Protocol Buffers encoding of the records that every small file needs three of, written straight
 * into memory: the library, which looks at each field's description, takes four times as long. The
 * bytes are the same (the test compares them): fields in the order of their numbers, no defaults.
 */

/** Room for the header of the outer message before the inner one. */
const HEADER_ROOM = 16;
/** More than a record of these kinds can take: names, authors and targets are short. */
const SCRATCH_BYTES = 16 * 1024;
const FIXED_FIELDS_BYTES = 512;

const WIRE = { varint: 0, bytes: 2, fixed32: 5 } as const;
/** Field numbers in GDPfsMsg. */
const BODY = { meta: 1, fchunk: 2, dentry: 3 } as const;

const scratch = new Uint8Array(SCRATCH_BYTES);
const scratchBuffer = asBuffer(scratch);
let position = 0;

/** Undefined for a record of another kind, or with values that only the library can encode. */
export function encodeCommonRecord(body: RecordInit): Uint8Array<ArrayBuffer> | undefined {
  position = HEADER_ROOM;
  switch (body.case) {
    case 'meta': {
      const meta = body.value;
      if (meta.ownerKey !== undefined || meta.custody !== undefined) return undefined;
      if (meta.chunking !== undefined) return undefined;
      uint(1, meta.version);
      uint(2, meta.kind);
      bytes(3, meta.nonce);
      uint(4, meta.hash);
      const isEncoded = long(5, meta.createdMs);
      uint(9, meta.chunkSize);
      return isEncoded ? finish(BODY.meta) : undefined;
    }
    case 'fchunk': {
      const { offset, length, checksum, digest } = body.value;
      const isEncoded = long(1, offset);
      uint(2, length);
      fixed32(3, checksum);
      bytes(4, digest);
      return isEncoded ? finish(BODY.fchunk) : undefined;
    }
    case 'dentry':
      return encodeDentry(body.value);
    default:
      return undefined;
  }
}

function encodeDentry(dentry: DentryInit): Uint8Array<ArrayBuffer> | undefined {
  const { name = '', author = '', target = '', node } = dentry;
  const textBytesMax = 3 * (name.length + author.length + target.length);
  if (textBytesMax + FIXED_FIELDS_BYTES + HEADER_ROOM > SCRATCH_BYTES) return undefined;
  let isEncoded = long(1, dentry.parent);
  text(2, name);
  // Optional: present even if it is 0.
  if (node !== undefined) isEncoded = long(3, node, true) && isEncoded;
  uint(4, dentry.kind);
  bytes(5, dentry.log);
  isEncoded = long(6, dentry.size) && isEncoded;
  bytes(7, dentry.root);
  isEncoded = long(8, dentry.logCount) && isEncoded;
  bytes(9, dentry.content);
  uint(10, dentry.mode);
  isEncoded = long(11, dentry.mtimeUs) && isEncoded;
  text(12, author);
  uint(13, dentry.removed === true ? 1 : 0);
  text(14, target);
  return isEncoded ? finish(BODY.dentry) : undefined;
}

/** The message in a GDPfsMsg: its header goes before it, then both are copied out. */
function finish(field: number): Uint8Array<ArrayBuffer> {
  const end = position;
  const length = end - HEADER_ROOM;
  // The tag, and seven bits of the length in each byte.
  let start = HEADER_ROOM - 2;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) start -= 1;
  position = start;
  tag(field, WIRE.bytes);
  varint(length);
  const record = newBytes(end - start);
  record.set(scratch.subarray(start, end));
  return record;
}

function tag(field: number, wire: number): void {
  varint(field * 8 + wire);
}

/** `value` is a safe integer, not negative. */
function varint(value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    scratch[position] = (rest % 0x80) | 0x80;
    position += 1;
    rest = Math.floor(rest / 0x80);
  }
  scratch[position] = rest;
  position += 1;
}

function uint(field: number, value = 0): void {
  if (value === 0) return;
  tag(field, WIRE.varint);
  varint(value);
}

/** False for a value that does not fit: negative, or beyond 2^53. */
function long(field: number, value: bigint | number = 0, isExplicit = false): boolean {
  const plain = Number(value);
  if (plain < 0 || !Number.isSafeInteger(plain)) return false;
  if (plain === 0 && !isExplicit) return true;
  tag(field, WIRE.varint);
  varint(plain);
  return true;
}

function fixed32(field: number, value = 0): void {
  if (value === 0) return;
  tag(field, WIRE.fixed32);
  position = scratchBuffer.writeUInt32LE(value, position);
}

function bytes(field: number, value: Uint8Array | undefined): void {
  if (value === undefined || value.length === 0) return;
  tag(field, WIRE.bytes);
  varint(value.length);
  scratch.set(value, position);
  position += value.length;
}

function text(field: number, value: string): void {
  if (value === '') return;
  tag(field, WIRE.bytes);
  varint(Buffer.byteLength(value));
  position += scratchBuffer.write(value, position);
}
