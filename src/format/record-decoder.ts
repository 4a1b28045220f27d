import type { GDPfsMsg, Snapshot, VolumePolicy } from './generated/gdpfs_pb.js';

/**
 * Reads the records that every command begins with, those of a volume's key and of its policy, in the form
 * in which they are written: fields in the order of their numbers, no defaults, nothing unknown. Whatever
 * has another form is for the library, which a command then loads: that takes it some milliseconds, since
 * all messages are described to it first. The values are the same (the test compares them).
 */

const WIRE = { varint: 0, bytes: 2 } as const;
/** Field numbers in GDPfsMsg. */
const BODY = { meta: 1, volume: 4 } as const;
const UINT32_MAX = 0xffff_ffff;
const INT32_MAX = 0x7fff_ffff;

/** Undefined for a record of another kind or form. */
export function decodeCommonRecord(bytes: Uint8Array): CommonBody | undefined {
  const fields = new FieldReader(bytes);
  const meta = fields.bytes(BODY.meta);
  const volume = fields.bytes(BODY.volume);
  if (!fields.isWhole || (meta.length === 0) === (volume.length === 0)) return undefined;
  return volume.length === 0 ? decodeMetaBody(meta) : decodeVolumeBody(volume);
}

type CommonBody = Extract<GDPfsMsg['body'], { readonly case: 'meta' | 'volume' }>;

/** Undefined for another form, and for one whose owner was replaced. */
export function decodeCommonPolicy(bytes: Uint8Array): VolumePolicy | undefined {
  const fields = new FieldReader(bytes);
  const value = {
    $typeName: 'gdpfs.v1.VolumePolicy' as const,
    epoch: BigInt(fields.varint(1, Number.MAX_SAFE_INTEGER)),
    writerKey: fields.bytes(2),
    historyDays: fields.varint(3, UINT32_MAX),
    rotations: [],
  };
  const snapshots: Snapshot[] = [];
  while (!fields.isEmpty) {
    const snapshot = decodeSnapshot(fields.bytes(5));
    if (snapshot === undefined) return undefined;
    snapshots.push(snapshot);
  }
  return fields.isWhole ? { ...value, snapshots } : undefined;
}

/** Undefined also for an empty one. */
function decodeSnapshot(bytes: Uint8Array): Snapshot | undefined {
  const fields = new FieldReader(bytes);
  const value: Snapshot = {
    $typeName: 'gdpfs.v1.Snapshot',
    name: asciiDecode(fields.bytes(1)),
    seq: BigInt(fields.varint(2, Number.MAX_SAFE_INTEGER)),
    createdMs: BigInt(fields.varint(3, Number.MAX_SAFE_INTEGER)),
  };
  return fields.isWhole && value.name !== '' ? value : undefined;
}

/** Empty for other text. */
function asciiDecode(bytes: Uint8Array): string {
  return bytes.every((byte) => byte < 0x80) ? String.fromCharCode(...bytes) : '';
}

function decodeMetaBody(bytes: Uint8Array): CommonBody | undefined {
  const fields = new FieldReader(bytes);
  const body: CommonBody = {
    case: 'meta',
    value: {
      $typeName: 'gdpfs.v1.GDPfsMeta',
      version: fields.varint(1, UINT32_MAX),
      kind: fields.varint(2, INT32_MAX),
      nonce: fields.bytes(3),
      hash: fields.varint(4, INT32_MAX),
      createdMs: BigInt(fields.varint(5, Number.MAX_SAFE_INTEGER)),
      ownerKey: fields.bytes(6),
      custody: fields.varint(7, INT32_MAX),
      chunking: fields.varint(8, INT32_MAX),
      chunkSize: fields.varint(9, UINT32_MAX),
    },
  };
  return fields.isWhole ? body : undefined;
}

function decodeVolumeBody(bytes: Uint8Array): CommonBody | undefined {
  const fields = new FieldReader(bytes);
  const body: CommonBody = {
    case: 'volume',
    value: {
      $typeName: 'gdpfs.v1.GDPfsVolume',
      policy: fields.bytes(1),
      ownerSignature: fields.bytes(2),
    },
  };
  return fields.isWhole ? body : undefined;
}

/** The fields of a message, asked for in the order of their numbers, which are less than 16. */
class FieldReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #isPlain = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Was everything read, and in the form that is written here? */
  get isWhole(): boolean {
    return this.#isPlain && this.#at === this.#bytes.length;
  }

  /** Is there nothing more that could be read? */
  get isEmpty(): boolean {
    return !this.#isPlain || this.#at === this.#bytes.length;
  }

  /** 0 if it is absent. */
  varint(field: number, max: number): number {
    return this.#takeTag(field, WIRE.varint) ? this.#takeVarint(max) : 0;
  }

  /** Empty if it is absent: a view otherwise. */
  bytes(field: number): Uint8Array {
    const count = this.#takeTag(field, WIRE.bytes) ? this.#takeVarint(this.#bytes.length) : 0;
    const start = this.#at;
    const view = this.#bytes.subarray(start, start + count);
    this.#at += view.length;
    this.#isPlain &&= view.length === count;
    return view;
  }

  #takeTag(field: number, wire: number): boolean {
    if (this.#bytes[this.#at] !== field * 8 + wire) return false;
    this.#at += 1;
    return true;
  }

  /** From 1 to `max`, for no default is written; otherwise 0, and the form is another. */
  #takeVarint(max: number): number {
    let value = 0;
    for (let unit = 1; unit <= Number.MAX_SAFE_INTEGER; unit *= 0x80) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * unit;
      if (byte >= 0x80) continue;
      // The last byte of several is not 0.
      if (byte > 0 && value <= max) return value;
      break;
    }
    this.#isPlain = false;
    return 0;
  }
}
