import { execFileSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { count, measure, median, megabytes, part, peakOf, type Row, type Stage } from './stage.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 2048 * MIB;

/** One file of 2 GiB, up and down, with the memory that it takes. */
export async function largeFile({ folder, user, server, runs, scale }: Stage): Promise<Row[]> {
  const size = Math.round((FILE_BYTES * scale) / MIB) * MIB;
  const source = join(folder, 'large');
  makeFile(source, size);
  const hashRate = size / 1000 / hashFile(source);
  const up: number[] = [];
  const down: number[] = [];
  const plain: number[] = [];
  const clientPeaks: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const remote = `gdp://bench/large-${index}`;
    const sent = await measure(user, 'cp', source, remote);
    up.push(size / 1000 / sent.elapsedMs);
    const target = join(folder, 'large-back');
    const received = await measure(user, 'cp', remote, target);
    down.push(size / 1000 / received.elapsedMs);
    clientPeaks.push(sent.peakBytes, received.peakBytes);
    execFileSync('cmp', [source, target]);
    rmSync(target);
    // Content that is there already would not be sent again.
    execFileSync('sync');
    const startMs = performance.now();
    copyFileSync(source, target);
    syncFile(target);
    plain.push(size / 1000 / (performance.now() - startMs));
    rmSync(target);
    makeFile(source, size);
  }
  const limit = (rates: readonly number[]): string => {
    const rate = median(rates);
    return `SHA-256 on one core ${count(hashRate)} MB/s, ${part(rate, hashRate)}; cp and fdatasync ${count(median(plain))} MB/s, ${part(rate, median(plain))}`;
  };
  const what = `a file of ${count(size / MIB)} MiB`;
  return [
    {
      what: `${what}, up`,
      measured: `${count(median(up))} MB/s`,
      limit: limit(up),
      goal: '≥ 400 MB/s',
    },
    {
      what: `${what}, down`,
      measured: `${count(median(down))} MB/s`,
      limit: limit(down),
      goal: '≥ 400 MB/s',
    },
    {
      what: `${what}, peak memory of the client`,
      measured: megabytes(Math.max(...clientPeaks)),
      goal: '< 300 MB',
    },
    {
      what: `${what}, peak memory of the server`,
      measured: megabytes(peakOf(server.pid)),
      goal: '< 300 MB',
    },
  ];
}

/** An upload is answered when it is durable, so that is the limit that the disk sets. */
function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  fdatasyncSync(file);
  closeSync(file);
}

function makeFile(path: string, size: number): void {
  const bytes = Buffer.alloc(MIB);
  const file = openSync(path, 'w');
  for (let length = 0; length < size; length += MIB) writeSync(file, randomFillSync(bytes));
  closeSync(file);
}

/** Milliseconds. */
function hashFile(path: string): number {
  const startMs = performance.now();
  const hash = createHash('sha256');
  const bytes = Buffer.alloc(MIB);
  const file = openSync(path, 'r');
  for (;;) {
    const length = readSync(file, bytes);
    if (length === 0) break;
    hash.update(bytes.subarray(0, length));
  }
  closeSync(file);
  hash.digest();
  return performance.now() - startMs;
}
