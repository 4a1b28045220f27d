import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { concatBytes } from '../../src/base/bytes.ts';

import { decodeExample, encodeExample, type Feature } from '../../src/tfjs/example.ts';
import { encodeRecord, RecordDecoder } from '../../src/tfjs/record-frames.ts';

/** Written by TensorFlow itself: make.py says how. */
const FOLDER = join(import.meta.dirname, '../fixtures/tfrecord');

interface Expected {
  readonly records: readonly string[];
  /** Kind and values by name; bytes as base64, numbers as Python prints them. */
  readonly examples: readonly Readonly<
    Record<string, readonly [Feature['kind'], readonly string[]]>
  >[];
}

const expected = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Expected;

function recordsOf(name: string): Uint8Array[] {
  const decoder = new RecordDecoder(name);
  const records = decoder.push(readFileSync(join(FOLDER, name)));
  decoder.end();
  return records;
}

test('records that TensorFlow wrote are read, and written the same', () => {
  const records = recordsOf('records.tfrecord');
  assert.deepEqual(
    records.map((record) => Buffer.from(record).toString('base64')),
    expected.records,
  );
  const file = readFileSync(join(FOLDER, 'records.tfrecord'));
  assert.deepEqual(Buffer.from(concatBytes(records.map(encodeRecord))), file);
});

test('examples that TensorFlow wrote are decoded', () => {
  const examples = recordsOf('examples.tfrecord').map(decodeExample);
  assert.equal(examples.length, expected.examples.length);
  for (const [index, features] of examples.entries()) {
    const wanted = expected.examples[index] ?? {};
    assert.deepEqual([...features.keys()].toSorted(), Object.keys(wanted).toSorted());
    for (const [name, feature] of features) {
      const [kind, values] = wanted[name] ?? [];
      assert.equal(feature.kind, kind);
      assert.deepEqual(feature, parse(feature.kind, values ?? []), name);
    }
  }
});

test('an example of one feature is encoded as TensorFlow encodes it', () => {
  // {"label": int64 [7]}: tf.train.Example(...).SerializeToString().hex()
  const bytes = encodeExample([['label', { kind: 'int64', values: BigInt64Array.of(7n) }]]);
  assert.equal(Buffer.from(bytes).toString('hex'), '0a100a0e0a056c6162656c12051a030a0107');
});

function parse(kind: Feature['kind'], values: readonly string[]): Feature {
  switch (kind) {
    case 'bytes':
      return { kind, values: values.map((text) => new Uint8Array(Buffer.from(text, 'base64'))) };
    case 'float':
      return {
        kind,
        values: Float32Array.from(values, (text) => Number(text.replace('inf', 'Infinity'))),
      };
    case 'int64':
      return { kind, values: BigInt64Array.from(values, BigInt) };
  }
}
