import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';

/**
 * `tf.train.Example`: named lists of values, as a Protocol Buffers message
 * `Example { Features features = 1 }`, `Features { map<string, Feature> feature = 1 }`, and a Feature
 * that is one of `BytesList = 1`, `FloatList = 2`, `Int64List = 3`, each with `repeated value = 1`.
 * Read and written field by field: numbers come as typed arrays and not one object each.
 */

export type Feature =
  | { readonly kind: 'bytes'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'float'; readonly values: Float32Array }
  | { readonly kind: 'int64'; readonly values: BigInt64Array };

/** Field numbers. */
const FEATURES = 1;
const FEATURE = 1;
const KEY = 1;
const VALUE = 2;
const LISTS = { bytes: 1, float: 2, int64: 3 } as const;
const LIST_VALUE = 1;

export function bytesFeature(...values: readonly Uint8Array[]): Feature {
  return { kind: 'bytes', values };
}

export function floatFeature(values: Iterable<number>): Feature {
  return { kind: 'float', values: Float32Array.from(values) };
}

/** Throws `RangeError` for a number that is no integer. */
export function int64Feature(values: Iterable<number | bigint>): Feature {
  return { kind: 'int64', values: BigInt64Array.from(Array.from(values, BigInt)) };
}

/** The message. Features keep their order. */
export function encodeExample(features: Iterable<readonly [string, Feature]>): Uint8Array {
  const writer = new BinaryWriter().tag(FEATURES, WireType.LengthDelimited).fork();
  for (const [name, feature] of features) {
    writer.tag(FEATURE, WireType.LengthDelimited).fork();
    writer.tag(KEY, WireType.LengthDelimited).string(name);
    writer.tag(VALUE, WireType.LengthDelimited).fork();
    writer.tag(LISTS[feature.kind], WireType.LengthDelimited).fork();
    writeValues(writer, feature);
    writer.join().join().join();
  }
  return writer.join().finish();
}

/**
 * The features by name, in memory of their own. A feature without a list counts as absent, as it does
 * in TensorFlow. Throws `corrupt` for what is no such message.
 */
export function decodeExample(bytes: Uint8Array): Map<string, Feature> {
  const features = new Map<string, Feature>();
  try {
    eachField(new BinaryReader(bytes), {
      [FEATURES]: (reader) => readFeatures(messageIn(reader), features),
    });
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot decode the record: it is no tf.train.Example', {
      cause,
    });
  }
  return features;
}

function writeValues(writer: BinaryWriter, feature: Feature): void {
  if (feature.kind === 'bytes') {
    for (const value of feature.values) {
      writer.tag(LIST_VALUE, WireType.LengthDelimited).bytes(value);
    }
    return;
  }
  if (feature.values.length === 0) return;
  writer.tag(LIST_VALUE, WireType.LengthDelimited);
  if (feature.kind === 'float') {
    const { buffer, byteOffset, byteLength } = feature.values;
    writer.bytes(new Uint8Array(buffer, byteOffset, byteLength));
    return;
  }
  writer.fork();
  for (const value of feature.values) writer.int64(value);
  writer.join();
}

function readFeatures(reader: BinaryReader, features: Map<string, Feature>): void {
  eachField(reader, {
    [FEATURE]: (entry) => {
      let name = '';
      let feature: Feature | undefined;
      eachField(messageIn(entry), {
        [KEY]: (key) => {
          name = key.string();
        },
        [VALUE]: (value) => {
          feature = readFeature(messageIn(value)) ?? feature;
        },
      });
      if (feature !== undefined) features.set(name, feature);
    },
  });
}

function readFeature(reader: BinaryReader): Feature | undefined {
  let feature: Feature | undefined;
  eachField(reader, {
    [LISTS.bytes]: (list) => {
      const values: Uint8Array[] = [];
      eachField(messageIn(list), {
        [LIST_VALUE]: (value) => void values.push(value.bytes().slice()),
      });
      feature = { kind: 'bytes', values };
    },
    [LISTS.float]: (list) => {
      feature = { kind: 'float', values: readFloats(messageIn(list)) };
    },
    [LISTS.int64]: (list) => {
      feature = { kind: 'int64', values: readIntegers(messageIn(list)) };
    },
  });
  return feature;
}

/** Packed, or one by one as old writers have them. */
function readFloats(reader: BinaryReader): Float32Array {
  const runs: Uint8Array[] = [];
  eachField(reader, {
    [LIST_VALUE]: (value, type) => {
      if (type === WireType.LengthDelimited) runs.push(value.bytes());
      else runs.push(new Uint8Array(Float32Array.of(value.float()).buffer));
    },
  });
  return new Float32Array(concatBytes(runs).buffer);
}

function readIntegers(reader: BinaryReader): BigInt64Array {
  const values: bigint[] = [];
  eachField(reader, {
    [LIST_VALUE]: (value, type) => {
      if (type !== WireType.LengthDelimited) return void values.push(BigInt(value.int64()));
      const packed = messageIn(value);
      while (packed.pos < packed.len) values.push(BigInt(packed.int64()));
    },
  });
  return BigInt64Array.from(values);
}

type FieldReader = (reader: BinaryReader, type: WireType) => void;

/** Reads all fields of a message: the known ones by their readers, others are skipped. */
function eachField(message: BinaryReader, fields: Readonly<Record<number, FieldReader>>): void {
  while (message.pos < message.len) {
    const [number, type] = message.tag();
    const read = fields[number];
    if (read === undefined) message.skip(type, number);
    else read(message, type);
  }
}

/** What has a length in front of it. */
function messageIn(reader: BinaryReader): BinaryReader {
  return new BinaryReader(reader.bytes());
}
