import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import * as converter from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { utf8Encode } from '../../src/base/bytes.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { listPage, remove } from '../../src/client/files.ts';
import { openServers, type Servers } from '../../src/client/servers.ts';
import { writeFile } from '../../src/client/write.ts';
import { modelHandler, registerModelRouters } from '../../src/tfjs/model-routers.ts';
import { TransferLab } from '../support/transfer-lab.ts';

let lab: TransferLab;
let servers: Servers;
let count = 0;

before(async () => {
  lab = await TransferLab.start();
  servers = openServers({ home: await lab.newHome() });
  registerModelRouters(servers);
});

after(async () => {
  await servers[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

/** A directory that nobody has: its URL and its path in the API. */
function newPlace(): { readonly url: string; readonly path: string } {
  count += 1;
  return { url: `gdp://vision/models/m${count}`, path: `/vision/models/m${count}` };
}

async function names(path: string): Promise<string[]> {
  return (await listPage(lab.direct, path)).entries.map(({ name }) => name);
}

function classifier(): layers.LayersModel {
  const model = layers.sequential({
    layers: [
      layers.layers.dense({ units: 16, inputShape: [8], activation: 'relu' }),
      layers.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  return model;
}

const input = tf.reshape(tf.linspace(-1, 1, 16), [2, 8]);

function predict(model: layers.LayersModel): number[] {
  return [...(model.predict(input) as tf.Tensor).dataSync()];
}

/** y = x W, of a W that is `size` rows of one column. */
function graphModel(size: number, value: number): tf.io.ModelArtifacts {
  const shape = { dim: [{ size: '-1' }, { size: String(size) }] };
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape } } },
    { name: 'w', op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } },
    { name: 'y', op: 'MatMul', input: ['x', 'w'], attr: { T: { type: 'DT_FLOAT' } } },
  ];
  return {
    format: 'graph-model',
    generatedBy: 'test',
    convertedBy: null,
    modelTopology: { node, versions: { producer: 1 } },
    weightSpecs: [{ name: 'w', shape: [size, 1], dtype: 'float32' }],
    weightData: new Float32Array(size).fill(value).buffer,
  };
}

async function sumOf(model: converter.GraphModel, size: number): Promise<number> {
  const result = model.predict(tf.ones([1, size])) as tf.Tensor;
  return (await result.data())[0] ?? Number.NaN;
}

test('a layers model is saved to gdp:// and loaded from there, and predicts the same', async () => {
  const { url, path } = newPlace();
  const model = classifier();
  const saved = await model.save(url, { includeOptimizer: true });
  assert.equal(saved.modelArtifactsInfo.modelTopologyType, 'JSON');
  const found = await names(path);
  assert.equal(found.length, 2);
  assert.match(found[0] ?? '', /^group1-shard1of1-[0-9a-f]{16}\.bin$/);
  assert.equal(found[1], 'model.json');
  for (const address of [url, `${url}/`, `${url}/model.json`]) {
    const loaded = await layers.loadLayersModel(address);
    assert.deepEqual(predict(loaded), predict(model));
    assert.equal(loaded.loss, 'categoricalCrossentropy');
  }
});

test('weights go into files of the size that was asked for, and progress is told', async () => {
  const { url, path } = newPlace();
  const model = classifier();
  await model.save(modelHandler(servers, url, { shardBytes: 100 }));
  const bytes = 4 * (8 * 16 + 16 + 16 * 3 + 3);
  const shards = (await names(path)).filter((name) => name.endsWith('.bin'));
  assert.equal(shards.length, Math.ceil(bytes / 100));
  const fractions: number[] = [];
  const onProgress = (fraction: number) => void fractions.push(fraction);
  const loaded = await layers.loadLayersModel(url, { onProgress });
  assert.deepEqual(predict(loaded), predict(model));
  assert.equal(fractions.at(-1), 1);
});

test('a model that others laid out is loaded, with its weights beside it or elsewhere', async () => {
  const { url, path } = newPlace();
  const { weightData, weightSpecs, ...rest } = graphModel(1000, 2);
  const weights = new Uint8Array(weightData as ArrayBuffer);
  const manifest = [
    { paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'], weights: weightSpecs },
  ];
  const json = utf8Encode(JSON.stringify({ ...rest, weightsManifest: manifest }));
  const write = (name: string, bytes: Uint8Array) =>
    writeFile(lab.direct, `${path}/${name}`, bytes, { parents: true });
  await write('model.json', json);
  await write('group1-shard1of2.bin', weights.subarray(0, 1500));
  await write('group1-shard2of2.bin', weights.subarray(1500));
  await write('else/group1-shard1of2.bin', weights.subarray(0, 1500));
  await write('else/group1-shard2of2.bin', weights.subarray(1500));
  for (const options of [
    {},
    { streamWeights: true },
    { weightPathPrefix: `${url}/else/` },
    { weightUrlConverter: (name: string) => Promise.resolve(`${url}/else/${name}`) },
  ]) {
    assert.equal(await sumOf(await converter.loadGraphModel(url, options), 1000), 2000);
  }
  // A save over it takes the old weights away, and nothing else.
  await modelHandler(servers, url).save?.(graphModel(1000, 3));
  assert.equal(await sumOf(await converter.loadGraphModel(url), 1000), 3000);
  assert.equal((await names(path)).filter((name) => name.startsWith('group1')).length, 1);
  assert.equal((await names(`${path}/else`)).length, 2);
});

test('streamed weights are read as they are taken, not all at once', async () => {
  const { url } = newPlace();
  const size = 6 * 1024 * 1024;
  await modelHandler(servers, url).save?.(graphModel(size, 1));
  const before = lab.proxy.bytes.down;
  const artifacts = await modelHandler(servers, url, { streamWeights: true }).load?.();
  assert.equal(artifacts?.weightData, undefined);
  assert(artifacts?.getWeightStream !== undefined);
  const reader = artifacts.getWeightStream().getReader();
  let length = 0;
  for (let pieces = 0; pieces < 3; pieces += 1)
    length += (await reader.read()).value?.byteLength ?? 0;
  assert(length > 0 && length < 4 * 1024 * 1024);
  await reader.cancel();
  const taken = lab.proxy.bytes.down - before;
  assert(taken < 16 * 1024 * 1024, `${taken} bytes of 24 MiB were fetched`);
  const streamed = await converter.loadGraphModel(url, { streamWeights: true });
  assert.equal(await sumOf(streamed, size), size);
});

test('a layers model has its weights also where streaming was asked for, which it cannot', async () => {
  const { url } = newPlace();
  const model = classifier();
  await model.save(url);
  const loaded = await layers.loadLayersModel(url, { streamWeights: true } as tf.io.LoadOptions);
  assert.deepEqual(predict(loaded), predict(model));
});

test('a model that is being read stays the one that it was when another is saved over it', async () => {
  const { url, path } = newPlace();
  const size = 4 * 1024 * 1024;
  const handler = modelHandler(servers, url, { streamWeights: true });
  await handler.save?.(graphModel(size, 1));
  const artifacts = await handler.load?.();
  await handler.save?.(graphModel(size, 2));
  assert.equal((await names(path)).length, 5, 'four weight files and model.json');
  const old = await converter.loadGraphModel({ load: () => Promise.resolve(artifacts ?? {}) });
  assert.equal(await sumOf(old, size), size);
  assert.equal(await sumOf(await converter.loadGraphModel(url), size), 2 * size);
});

test('of saves at once one counts, others are told so, and what is loaded is whole', async () => {
  const { url, path } = newPlace();
  const handler = modelHandler(servers, url);
  await handler.save?.(graphModel(1000, 1));
  const results = await Promise.allSettled(
    [2, 3, 4].map(async (value) => await handler.save?.(graphModel(1000, value))),
  );
  const done = [2, 3, 4].filter((_, index) => results[index]?.status === 'fulfilled');
  for (const result of results) {
    if (result.status === 'rejected')
      assert(isGdpfsError(result.reason, 'changed'), String(result.reason));
  }
  const loaded = (await sumOf(await converter.loadGraphModel(url), 1000)) / 1000;
  assert(done.includes(loaded), `${loaded} of ${done.join()}`);
  await handler.save?.(graphModel(1000, 5));
  assert.equal((await names(path)).length, 2, 'what the refused ones left is gone');
});

test('a save that breaks off leaves the old model, and the next one takes away what it left', async () => {
  const { url, path } = newPlace();
  const handler = modelHandler(servers, url, { shardBytes: 1024 });
  await handler.save?.(graphModel(1000, 1));
  const { weightData, ...rest } = graphModel(1000, 2);
  async function* broken(): AsyncGenerator<ArrayBuffer> {
    yield (weightData as ArrayBuffer).slice(0, 3000);
    throw new Error('the power went');
  }
  const getWeightStream = () => ReadableStream.from(broken());
  await assert.rejects(
    async () => await handler.save?.({ ...rest, getWeightStream }),
    /the power went/,
  );
  assert.equal(await sumOf(await converter.loadGraphModel(url), 1000), 1000);
  assert((await names(path)).length > 5);
  await handler.save?.(graphModel(1000, 3));
  assert.equal((await names(path)).length, 5);
  assert.equal(await sumOf(await converter.loadGraphModel(url), 1000), 3000);
});

test('models of several names live in one directory', async () => {
  const { url } = newPlace();
  await modelHandler(servers, `${url}/a.json`).save?.(graphModel(10, 1));
  await modelHandler(servers, `${url}/b.json`).save?.(graphModel(10, 2));
  await modelHandler(servers, `${url}/model.json`).save?.(graphModel(10, 3));
  await modelHandler(servers, `${url}/a.json`).save?.(graphModel(10, 4));
  const sums = await Promise.all(
    ['a', 'b', 'model'].map(async (name) =>
      sumOf(await converter.loadGraphModel(`${url}/${name}.json`), 10),
    ),
  );
  assert.deepEqual(sums, [40, 20, 30]);
});

test('a graph model that was loaded as a stream can be saved elsewhere', async () => {
  const [from, to] = [newPlace(), newPlace()];
  await modelHandler(servers, from.url).save?.(graphModel(3_000_000, 2));
  const streamed = await modelHandler(servers, from.url, { streamWeights: true }).load?.();
  assert(streamed !== undefined);
  await modelHandler(servers, to.url).save?.(streamed);
  assert.equal(await sumOf(await converter.loadGraphModel(to.url), 3_000_000), 6_000_000);
});

test('what cannot be loaded is an error that says what is wrong with which file', async () => {
  const { url, path } = newPlace();
  const refused = async (code: 'not_found' | 'corrupt', message: RegExp) =>
    assert.rejects(converter.loadGraphModel(url), (error) => {
      assert(isGdpfsError(error, code), String(error));
      assert.match(error.message, message);
      return true;
    });
  await refused('not_found', new RegExp(path.replace('/vision/', '')));
  const write = (name: string, text: string) =>
    writeFile(lab.direct, `${path}/${name}`, utf8Encode(text), { parents: true });
  await write('model.json', '{');
  await refused('corrupt', /model\.json": it is not JSON/);
  await write('model.json', '[]');
  await refused('corrupt', /neither a topology nor a list of weights/);
  await modelHandler(servers, url).save?.(graphModel(10, 1));
  const shard = (await names(path)).find((name) => name.endsWith('.bin')) ?? '';
  await write(shard, 'short');
  await refused('corrupt', /weight files have 5 bytes, need 40/);
  await remove(lab.direct, `${path}/${shard}`);
  await refused('not_found', new RegExp(shard));
});

test('what cannot be saved is refused, and nothing appears', async () => {
  const { url, path } = newPlace();
  const binary = { ...graphModel(10, 1), modelTopology: new ArrayBuffer(8) };
  await assert.rejects(async () => await modelHandler(servers, url).save?.(binary), /need JSON/);
  const short = { ...graphModel(10, 1), weightData: new ArrayBuffer(36) };
  await assert.rejects(
    async () => await modelHandler(servers, url).save?.(short),
    /weights of 36 bytes, need 40/,
  );
  await assert.rejects(converter.loadGraphModel(url), (error) => isGdpfsError(error, 'not_found'));
  assert(!(await names(path)).includes('model.json'));
});
