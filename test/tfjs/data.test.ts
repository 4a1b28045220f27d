import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import type * as tf from '@tensorflow/tfjs-core';
import { CSVDataset, generator, TextLineDataset } from '@tensorflow/tfjs-data';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { remove, stat } from '../../src/client/files.ts';
import { openServers, type Servers } from '../../src/client/servers.ts';
import { writeFile } from '../../src/client/write.ts';
import {
  decodeExample,
  encodeExample,
  floatFeature,
  int64Feature,
} from '../../src/tfjs/example.ts';
import { readContents, readLines, readPieces, readRecords } from '../../src/tfjs/read-files.ts';
import { encodeRecord } from '../../src/tfjs/record-frames.ts';
import { openRecordWriter } from '../../src/tfjs/record-writer.ts';
import { textSource } from '../../src/tfjs/text-source.ts';
import { findFiles, shareOf, shuffled } from '../../src/tfjs/volume-files.ts';
import { content, TransferLab } from '../support/transfer-lab.ts';

let lab: TransferLab;
let servers: Servers;

before(async () => {
  lab = await TransferLab.start();
  servers = openServers({ home: await lab.newHome() });
});

after(async () => {
  await servers[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function put(path: string, bytes: Uint8Array | string): Promise<string> {
  const data = typeof bytes === 'string' ? utf8Encode(bytes) : bytes;
  await writeFile(lab.direct, `/vision/${path}`, data, { parents: true });
  return `gdp://vision/${path}`;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Records of all sizes, also larger than a body. */
function manyRecords(seed: number): Uint8Array[] {
  const sizes = Array.from({ length: 3000 }, (_, index) => (index * 7919) % 5000);
  return [...sizes, 3 * LIMITS.bodyBytesTarget, 0].map(
    (size, index) => new Uint8Array(content(seed + index, size)),
  );
}

test('records that were written are read, from one file and from several', async () => {
  const [first, second] = [manyRecords(1), manyRecords(9999)];
  for (const [name, records] of [
    ['a', first],
    ['b', second],
  ] as const) {
    await using writer = await openRecordWriter(servers, `gdp://vision/records/${name}`, {
      parents: true,
    });
    for (const record of records) await writer.write(record);
    const { size } = await writer.close();
    assert.equal(
      size,
      records.reduce((sum, { length }) => sum + length + 16, 0),
    );
  }
  assert.deepEqual(await all(readRecords(servers, 'gdp://vision/records/a')), first);
  const files = await findFiles(servers, 'gdp://vision/records/*');
  assert.deepEqual(await all(readRecords(servers, files)), [...first, ...second]);
});

test('a writer of records that is given up leaves nothing', async () => {
  {
    await using writer = await openRecordWriter(servers, 'gdp://vision/given-up');
    await writer.write(new Uint8Array(10));
  }
  await assert.rejects(stat(lab.direct, '/vision/given-up'), (error) =>
    isGdpfsError(error, 'not_found'),
  );
});

test('an epoch goes on with every record when the server is killed and started again', async () => {
  const records = Array.from({ length: 4000 }, (_, index) => content(index, 8000));
  const url = await put('killed', concatBytes(records.map(encodeRecord)));
  let count = 0;
  for await (const record of readRecords(servers, url)) {
    assert(record.length === 8000 && records[count]?.equals(record), `record ${count}`);
    if (count === 10 || count === 2000) await lab.bounceServer();
    count += 1;
  }
  assert.equal(count, records.length);
});

test('a damaged or truncated file is an error that names it and the place, behind its good records', async () => {
  const frames = [10, 20, 30].map((size) => encodeRecord(content(size, size)));
  const file = concatBytes(frames);
  for (const [name, bytes, offset] of [
    ['cut', file.subarray(0, file.length - 1), 62],
    ['flipped', file.map((byte, index) => (index === 40 ? byte ^ 1 : byte)), 26],
  ] as const) {
    const url = await put(name, bytes);
    const found: Uint8Array[] = [];
    await assert.rejects(
      async () => {
        for await (const record of readRecords(servers, url)) found.push(record);
      },
      (error) =>
        isGdpfsError(error, 'corrupt') &&
        error.message.includes(`at byte ${offset} of "${url}"`) &&
        error.details['offset'] === offset,
    );
    assert(found.length <= 2);
  }
});

test('a data set of TensorFlow.js reads records with their features, again in each epoch', async () => {
  const frames = Array.from({ length: 10 }, (_, index) =>
    encodeRecord(
      encodeExample([
        ['x', floatFeature([index, 2 * index])],
        ['label', int64Feature([index % 3])],
      ]),
    ),
  );
  const url = await put('examples', concatBytes(frames));
  const dataset = generator(async function* examples() {
    for await (const record of readRecords(servers, url)) {
      const features = decodeExample(record);
      const [x, label] = [features.get('x'), features.get('label')];
      assert(x?.kind === 'float' && label?.kind === 'int64');
      yield { xs: x.values, ys: Number(label.values[0]) };
    }
  }).batch(4);
  for (let epoch = 0; epoch < 2; epoch += 1) {
    const batches = (await dataset.toArray()) as { xs: tf.Tensor; ys: tf.Tensor }[];
    assert.deepEqual(
      batches.map(({ xs }) => xs.shape),
      [
        [4, 2],
        [4, 2],
        [2, 2],
      ],
    );
    assert.deepEqual([...(batches[1]?.ys.dataSync() ?? [])], [1, 2, 0, 1]);
  }
});

test('a CSVDataset and a TextLineDataset read from a volume', async () => {
  const lines = Array.from(
    { length: 50_000 },
    (_, index) => `${index},${index * 0.5},name ${index}`,
  );
  const url = await put('table.csv', `id,half,name\r\n${lines.join('\r\n')}`);
  const csv = new CSVDataset(textSource(servers, url), {
    columnConfigs: { half: { isLabel: true } },
  });
  assert.deepEqual(await csv.columnNames(), ['id', 'half', 'name']);
  for (let epoch = 0; epoch < 2; epoch += 1) {
    const rows = await csv.skip(49_990).toArray();
    assert.equal(rows.length, 10);
    assert.deepEqual(rows[9], { xs: { id: 49_999, name: 'name 49999' }, ys: { half: 24_999.5 } });
  }
  const text = new TextLineDataset(textSource(servers, url));
  assert.deepEqual(await text.take(2).toArray(), ['id,half,name', lines[0]]);
});

test('lines are those of the files, wherever a piece ends', async () => {
  // A line is longer than a body, and characters of several bytes lie across its end.
  const long = 'ü€'.repeat(LIMITS.bodyBytesTarget / 2);
  const url = await put('text', `\uFEFFfirst\n\n${long}\r\nlast`);
  const other = await put('other', 'only\n');
  const empty = await put('empty', '');
  const lines = await all(readLines(servers, [url, empty, other]));
  assert.deepEqual(lines, ['first', '', long, 'last', 'only']);
});

test('what is no text, or a line without an end, is an error that names the file', async () => {
  const binary = await put('binary', Uint8Array.of(0x61, 0xff, 0x0a));
  await assert.rejects(
    all(readLines(servers, binary)),
    (error) => isGdpfsError(error, 'corrupt') && error.message.includes(binary),
  );
  const endless = await put('endless', new Uint8Array(LIMITS.textLineBytesMax + 1).fill(0x61));
  await assert.rejects(
    all(readLines(servers, endless)),
    (error) => isGdpfsError(error, 'body_too_large') && error.message.includes(endless),
  );
});

test('files are found by patterns, all of one state of the volume', async () => {
  for (const path of ['p/a.bin', 'p/b.bin', 'p/c.txt', 'p/deep/d.bin', 'p/deep/er/e.bin']) {
    await put(path, path);
  }
  const find = async (pattern: string) =>
    (await findFiles(servers, pattern)).map(({ url }) => url.replace('gdp://vision/', ''));
  assert.deepEqual(await find('gdp://vision/p/*.bin'), ['p/a.bin', 'p/b.bin']);
  assert.deepEqual(await find('gdp://vision/p/{a,c}.*'), ['p/a.bin', 'p/c.txt']);
  assert.deepEqual(await find('gdp://vision/p/**/*.bin'), [
    'p/a.bin',
    'p/b.bin',
    'p/deep/d.bin',
    'p/deep/er/e.bin',
  ]);
  assert.deepEqual(await find('gdp://vision/*/deep/*.bin'), ['p/deep/d.bin']);
  assert.deepEqual(await find('gdp://vision/p/deep'), ['p/deep/d.bin', 'p/deep/er/e.bin']);
  assert.deepEqual(await find('gdp://vision/p/c.txt'), ['p/c.txt']);
  const found = await findFiles(servers, 'gdp://vision/p/*.bin');
  await put('p/a.bin', 'changed');
  await remove(lab.direct, '/vision/p/b.bin');
  const contents = await all(readContents(servers, found));
  assert.deepEqual(
    contents.map(({ url, bytes }) => [url, Buffer.from(bytes).toString()]),
    [
      ['gdp://vision/p/a.bin', 'p/a.bin'],
      ['gdp://vision/p/b.bin', 'p/b.bin'],
    ],
  );
});

test('a pattern that matches nothing, a path that is local, and a share that there is not are errors', async () => {
  const refused = (promise: Promise<unknown>, code: 'not_found' | 'usage') =>
    assert.rejects(promise, (error) => isGdpfsError(error, code));
  await refused(findFiles(servers, 'gdp://vision/*.nothing'), 'not_found');
  await refused(findFiles(servers, 'gdp://vision/nothing/*'), 'not_found');
  await refused(findFiles(servers, 'gdp://vision/nothing'), 'not_found');
  await refused(findFiles(servers, './local/*'), 'usage');
  await refused(all(readPieces(servers, './local')), 'usage');
  for (const share of [
    { index: 2, count: 2 },
    { index: -1, count: 2 },
    { index: 0.5, count: 2 },
    { index: 0, count: 0 },
  ]) {
    assert.throws(
      () => shareOf([1], share),
      (error) => isGdpfsError(error, 'usage'),
    );
  }
});

test('workers with the same seed share out the files: together each once, in the same order each time', async () => {
  for (let index = 0; index < 20; index += 1) await put(`share/f${index}`, 'x');
  const find = (seed: number, index: number) =>
    findFiles(servers, 'gdp://vision/share/*', { seed, share: { index, count: 3 } });
  const parts = await Promise.all([0, 1, 2].map((index) => find(7, index)));
  assert.deepEqual(
    parts.map(({ length }) => length),
    [7, 7, 6],
  );
  const urls = parts.flat().map(({ url }) => url);
  assert.equal(new Set(urls).size, 20);
  assert.deepEqual(
    (await find(7, 0)).map(({ url }) => url),
    parts[0]?.map(({ url }) => url),
  );
  assert.notDeepEqual(
    (await find(8, 0)).map(({ url }) => url),
    parts[0]?.map(({ url }) => url),
  );
});

test('shuffled() makes every order about as often', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed += 1) {
    const order = shuffled(['a', 'b', 'c'], seed).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  for (const count of counts.values()) assert(count > 800 && count < 1200, [...counts].join());
});

test('whoever leaves a loop early, or aborts it, fetches nothing more', async () => {
  const url = await put('large', content(1, 64 * 1024 * 1024));
  const before = lab.proxy.bytes.down;
  for await (const piece of readPieces(servers, url)) {
    assert(piece.length > 0);
    break;
  }
  const controller = new AbortController();
  const reading = readPieces(servers, url, { signal: controller.signal });
  await reading.next();
  controller.abort(new Error('enough'));
  await assert.rejects(all(reading), /enough/);
  const taken = lab.proxy.bytes.down - before;
  assert(taken < 32 * 1024 * 1024, `${taken} bytes were fetched`);
});

test('a file beyond the limit is not handed out whole', async () => {
  const url = await put('huge', new Uint8Array(LIMITS.wholeFileBytesMax + 1));
  await assert.rejects(
    all(readContents(servers, url)),
    (error) => isGdpfsError(error, 'body_too_large') && error.message.includes(url),
  );
});
