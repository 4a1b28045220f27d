import { concatBytes } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { contentRoot } from '../format/content.ts';
import type { Manifest } from '../format/manifest.ts';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { encodeCommonRecord, type RecordInit } from '../format/record-encoder.ts';

// Of the format (src/format/records.ts), which needs a library of some size for what is not written here.
const FORMAT_VERSION = 1;
const KIND_FILE = 2;
const HASH_SHA256 = 1;
const NONCE_BYTES = 16;

/** A new file log, for a commit. */
export interface FileLog {
  /** Each as uint32 length | bytes. */
  readonly records: Uint8Array<ArrayBuffer>;
  /** `sha256:…` */
  readonly root: string;
  /** The ETag. */
  readonly content: string;
}

/** `chunkSize` is what the file is cut by. */
export function newFileLog(manifest: Manifest, chunkSize: number, createdMs: number): FileLog {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const meta = {
    version: FORMAT_VERSION,
    kind: KIND_FILE,
    nonce,
    hash: HASH_SHA256,
    createdMs: BigInt(createdMs),
    chunkSize,
  };
  const records = [
    encode({ case: 'meta', value: meta }),
    ...manifest.chunks.map(({ offset, length, checksum, digest }) =>
      encode({ case: 'fchunk', value: { offset: BigInt(offset), length, checksum, digest } }),
    ),
  ];
  const frontier = new MerkleFrontier();
  for (const record of records) frontier.append(leafHash(record));
  return {
    records: concatBytes(records.flatMap((record) => [lengthOf(record), record])),
    root: formatDigest(frontier.root()),
    content: formatDigest(contentRoot(manifest)),
  };
}

function encode(record: RecordInit): Uint8Array {
  const bytes = encodeCommonRecord(record);
  if (bytes === undefined) throw new Error('bug: a record of a file log has no short form');
  return bytes;
}

function lengthOf(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, record.length);
  return bytes;
}
