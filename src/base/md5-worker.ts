import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { Md5Request } from './md5.ts';

/** Sums that are being made, by the number of their stream. */
const sums = new Map<number, Hash>();

/** Answers in order: '' or, at the end of a stream, its MD5 in hexadecimal digits. */
parentPort?.on('message', ({ stream, bytes, isEnd }: Md5Request) => {
  const sum = sums.get(stream) ?? createHash('md5');
  if (bytes !== undefined) sum.update(bytes);
  if (isEnd) sums.delete(stream);
  else sums.set(stream, sum);
  parentPort?.postMessage(isEnd ? sum.digest('hex') : '');
});
