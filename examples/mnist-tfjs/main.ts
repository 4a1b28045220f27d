/**
 * Trains a classifier of MNIST in TensorFlow.js, reading TFRecord files from a volume and saving a
 * checkpoint there after each epoch; then restores the last one and measures it. The process may be
 * killed at any time: run again, it goes on behind the last checkpoint.
 */
import { argv } from 'node:process';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { generator } from '@tensorflow/tfjs-data';
import * as layers from '@tensorflow/tfjs-layers';
import {
  decodeExample,
  findFiles,
  openServers,
  readRecords,
  registerModelRouters,
  type Servers,
} from 'gdpfs/tfjs';

const [, , url = '', ...flags] = argv;
const isQuick = flags.includes('--quick');
const EPOCHS = isQuick ? 1 : 3;
/** Of an epoch. */
const BATCHES = isQuick ? 60 : Number.MAX_SAFE_INTEGER;
const BATCH = 64;
const PIXELS = 28 * 28;
const CLASSES = 10;

await tf.setBackend('wasm');
await using servers = openServers();
registerModelRouters(servers);

const checkpoints = `${url}/checkpoints/mnist-tfjs`;
let { model, epoch } = await restore();
for (; epoch < EPOCHS; epoch += 1) {
  const startMs = performance.now();
  await model.fitDataset(batches(servers, `${url}/mnist/train-*.tfrecord`, epoch).take(BATCHES), {
    epochs: 1,
    verbose: 0,
  });
  // The optimizer's state too, so that the training can go on from here.
  await model.save(`${checkpoints}/epoch-${epoch + 1}`, { includeOptimizer: true });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`epoch ${epoch + 1}: accuracy ${percent(await accuracyOf(model))}, ${seconds} s`);
}
const restored = await restore();
console.log(
  `restored from epoch ${restored.epoch}: accuracy ${percent(await accuracyOf(restored.model))}`,
);

/** The newest checkpoint, or a new model. */
async function restore(): Promise<{ model: layers.LayersModel; epoch: number }> {
  const found = await findFiles(servers, `${checkpoints}/epoch-*/model.json`).catch(() => []);
  const epochs = found.map((file) => Number(/epoch-(\d+)/.exec(file.url)?.[1]));
  const newest = Math.max(0, ...epochs);
  if (newest === 0) return { model: create(), epoch: 0 };
  return { model: await layers.loadLayersModel(`${checkpoints}/epoch-${newest}`), epoch: newest };
}

function create(): layers.LayersModel {
  const made = layers.sequential({
    layers: [
      layers.layers.dense({ units: 64, inputShape: [PIXELS], activation: 'relu' }),
      layers.layers.dense({ units: CLASSES, activation: 'softmax' }),
    ],
  });
  made.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  return made;
}

/** Batches of the files' records; the files in another order each epoch. */
function batches(of: Servers, pattern: string, seed: number) {
  return generator(async function* read() {
    const files = await findFiles(of, pattern, { seed });
    let images: Uint8Array[] = [];
    let labels: number[] = [];
    for await (const record of readRecords(of, files)) {
      const features = decodeExample(record);
      const [image, label] = [features.get('image'), features.get('label')];
      if (image?.kind !== 'bytes' || label?.kind !== 'int64')
        throw new Error('no picture of MNIST');
      images.push(image.values[0] ?? new Uint8Array(PIXELS));
      labels.push(Number(label.values[0]));
      if (images.length < BATCH) continue;
      yield tensors(images, labels);
      images = [];
      labels = [];
    }
    if (images.length > 0) yield tensors(images, labels);
  });
}

function tensors(images: readonly Uint8Array[], labels: readonly number[]) {
  return tf.tidy(() => {
    const values = new Float32Array(images.length * PIXELS);
    for (const [index, image] of images.entries()) values.set(image, index * PIXELS);
    const xs = tf.div(tf.tensor2d(values, [images.length, PIXELS]), 255);
    const ys = tf.cast(tf.oneHot(tf.tensor1d([...labels], 'int32'), CLASSES), 'float32');
    return { xs, ys };
  });
}

async function accuracyOf(of: layers.LayersModel): Promise<number> {
  const test = batches(servers, `${url}/mnist/test.tfrecord`, 0);
  const [, accuracy] = (await of.evaluateDataset(test, { verbose: 0 })) as tf.Scalar[];
  return (await accuracy?.data())?.[0] ?? 0;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
