/**
 * Reads and writes TFRecord files of `tf.train.Example` in a volume, for tests in other languages:
 * `read URL` prints one line of JSON for each example, `write URL` takes such lines. Features are
 * `{name: [kind, values]}`, bytes in base64, numbers as text.
 */
import { argv, stdin } from 'node:process';
import { createInterface } from 'node:readline';
import { openServers } from '../../src/client/servers.ts';
import { decodeExample, encodeExample, type Feature } from '../../src/tfjs/example.ts';
import { readRecords } from '../../src/tfjs/read-files.ts';
import { openRecordWriter } from '../../src/tfjs/record-writer.ts';

type Line = Record<string, readonly [Feature['kind'], readonly string[]]>;

const [, , action, url = ''] = argv;
await using servers = openServers();
if (action === 'read') {
  for await (const record of readRecords(servers, url)) {
    const features = [...decodeExample(record)].map(([name, feature]) => [name, format(feature)]);
    console.log(JSON.stringify(Object.fromEntries(features)));
  }
} else {
  await using writer = await openRecordWriter(servers, url);
  for await (const text of createInterface({ input: stdin })) {
    const line = JSON.parse(text) as Line;
    await writer.write(
      encodeExample(
        Object.entries(line).map(([name, [kind, values]]) => [name, parse(kind, values)]),
      ),
    );
  }
  await writer.close();
}

function format(feature: Feature): [Feature['kind'], string[]] {
  const { kind, values } = feature;
  if (kind === 'bytes') return [kind, values.map((value) => Buffer.from(value).toString('base64'))];
  return [kind, Array.from<number | bigint, string>(values, String)];
}

function parse(kind: Feature['kind'], values: readonly string[]): Feature {
  switch (kind) {
    case 'bytes':
      return { kind, values: values.map((text) => new Uint8Array(Buffer.from(text, 'base64'))) };
    case 'float':
      return { kind, values: Float32Array.from(values, Number) };
    case 'int64':
      return { kind, values: BigInt64Array.from(values, BigInt) };
  }
}
