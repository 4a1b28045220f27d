import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  type GDPfsMeta,
  type GDPfsMsg,
  GDPfsMsgSchema,
  HashAlgorithm,
  LogKind,
} from './generated/gdpfs_pb.js';
import type { Chunk } from './manifest.ts';
import { decodeCommonRecord } from './record-decoder.ts';
import {
  type DentryInit,
  type DentryMessage,
  encodeCommonRecord,
  type MessageBody,
  type RecordInit,
} from './record-encoder.ts';

/** Version that a log's meta record names: raised only when old readers must not go on. */
export const FORMAT_VERSION = 1;
export const NONCE_BYTES = 16;

/** Serializes a record, once: these bytes are what is hashed, stored and served from now on. */
export function encodeRecord(record: RecordInit): Uint8Array<ArrayBuffer> {
  const bytes = encodeCommonRecord(record) ?? encodeAnyRecord(record);
  if (bytes.length > LIMITS.recordBytesMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot write record: it has ${bytes.length} bytes, need at most ${LIMITS.recordBytesMax}`,
    );
  }
  return bytes;
}

function encodeAnyRecord(record: RecordInit): Uint8Array<ArrayBuffer> {
  const body: MessageBody =
    record.case === 'dentry' ? { case: 'dentry', value: dentryMessage(record.value) } : record;
  return toBinary(GDPfsMsgSchema, create(GDPfsMsgSchema, { body }));
}

function dentryMessage(dentry: DentryInit): DentryMessage {
  const { parent = 0n, node, size = 0n, logCount = 0n, mtimeUs = 0n, ...rest } = dentry;
  return {
    ...rest,
    parent: BigInt(parent),
    ...(node !== undefined && { node: BigInt(node) }),
    size: BigInt(size),
    logCount: BigInt(logCount),
    mtimeUs: BigInt(mtimeUs),
  };
}

/** Throws `corrupt` on anything that is not a record with a known body. */
export function decodeRecord(bytes: Uint8Array): GDPfsMsg['body'] & { readonly case: string } {
  if (bytes.length > LIMITS.recordBytesMax) throw malformed('record', 'it is too long');
  const common = decodeCommonRecord(bytes);
  if (common !== undefined) return common;
  let body: GDPfsMsg['body'];
  try {
    body = fromBinary(GDPfsMsgSchema, bytes).body;
  } catch (cause) {
    throw malformed('record', 'not a GDPfsMsg', cause);
  }
  if (body.case === undefined) throw malformed('record', 'its kind is unknown');
  return body;
}

/** A log's name: the SHA-256 of its first record (DESIGN §3). */
export function logName(firstRecord: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(firstRecord);
}

/** The first record of a file log. `chunkSize` is in bytes. */
export function encodeFileMeta(meta: {
  readonly nonce: Uint8Array;
  readonly createdMs: number;
  readonly chunkSize: number;
}): Uint8Array<ArrayBuffer> {
  return encodeRecord({
    case: 'meta',
    value: {
      version: FORMAT_VERSION,
      kind: LogKind.FILE,
      hash: HashAlgorithm.SHA256,
      nonce: meta.nonce,
      createdMs: BigInt(meta.createdMs),
      chunkSize: meta.chunkSize,
    },
  });
}

/** A file log's record for `chunk`; length 0 truncates or extends the file to `offset`. */
export function encodeFchunk(chunk: Chunk): Uint8Array<ArrayBuffer> {
  return encodeRecord({
    case: 'fchunk',
    value: {
      offset: BigInt(chunk.offset),
      length: chunk.length,
      checksum: chunk.checksum,
      digest: chunk.length === 0 ? new Uint8Array(0) : chunk.digest,
    },
  });
}

/** Throws `corrupt` unless `bytes` is a meta record of `kind` that this version can read. */
export function decodeMeta(bytes: Uint8Array, kind: LogKind): GDPfsMeta {
  const body = decodeRecord(bytes);
  if (body.case !== 'meta') throw malformed('log', 'its first record is not meta');
  const meta = body.value;
  if (meta.version !== FORMAT_VERSION) throw malformed('log', `its version is ${meta.version}`);
  if (meta.hash !== HashAlgorithm.SHA256) throw malformed('log', 'its hash is unknown');
  if (meta.kind !== kind) throw malformed('log', `its kind is ${meta.kind}, need ${kind}`);
  if (meta.nonce.length !== NONCE_BYTES) throw malformed('log', 'its nonce has a wrong length');
  return meta;
}

/** Throws `corrupt` unless `bytes` is an fchunk with values that a file can have. */
export function decodeFchunk(bytes: Uint8Array): Chunk {
  const body = decodeRecord(bytes);
  if (body.case !== 'fchunk') throw malformed('file log', `it holds a ${body.case} record`);
  const { length, checksum, digest } = body.value;
  const offset = safeInteger(body.value.offset, 'fchunk offset');
  if (length > LIMITS.chunkBytesMax) throw malformed('fchunk', `its length is ${length}`);
  if (digest.length !== (length === 0 ? 0 : DIGEST_BYTES)) throw malformed('fchunk', 'its digest');
  safeInteger(body.value.offset + BigInt(length), 'fchunk end');
  return { offset, length, checksum, digest };
}

/** A 64-bit value as a number; throws `corrupt` outside 0..2^53-1. */
export function safeInteger(value: bigint | number, what: string): number {
  const plain = Number(value);
  // What a BigInt is rounded to is never less than the first that is too large.
  if (plain < 0 || !Number.isSafeInteger(plain)) throw malformed(what, `its value is ${value}`);
  return plain;
}

function malformed(what: string, why: string, cause?: unknown): GdpfsError {
  return new GdpfsError('corrupt', `cannot decode ${what}: ${why}`, { cause });
}
