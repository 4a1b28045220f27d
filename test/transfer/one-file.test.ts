import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { downloadFile } from '../../src/client/download.ts';
import type { Session } from '../../src/client/session.ts';
import { uploadFile } from '../../src/client/upload.ts';
import { type Direction, type Fault, randomFault } from '../support/fault-proxy.ts';
import { Random } from '../support/random.ts';
import {
  BODY_BYTES,
  content,
  IN_FLIGHT_BYTES,
  LONG_FILE_BYTES,
  leftovers,
  onTheWire,
  type Run,
  stallMsFor,
  TransferLab,
} from '../support/transfer-lab.ts';

/**
 * One file over a network that fails at chosen bytes. Soak: GDPFS_SEEDS=200 GDPFS_FIRST_SEED=1000
 * node --test test/transfer/one-file.test.ts
 */

const FIRST_SEED = Number(process.env['GDPFS_FIRST_SEED'] ?? 1);
const SEEDS = Number(process.env['GDPFS_SEEDS'] ?? 4);
const MIB = 1024 * 1024;
const SIZE = 6 * MIB + 12_345;
const RUNS_MAX = 6;

/** Behind the first handshakes: who stalls there is given up after `LIMITS.connectTimeoutMs`. */
const SOMEWHERE = { from: 64 * 1024, bytes: SIZE };

let lab: TransferLab;

before(async () => {
  lab = await TransferLab.start();
});
after(() => lab[Symbol.asyncDispose]());

interface Way {
  readonly name: 'upload' | 'download';
  /** Where the content travels. */
  readonly direction: Direction;
  readonly volume: string;
  readonly bytes: Buffer;
  readonly run: (options: {
    readonly retries: boolean;
    readonly stallMs: number | undefined;
  }) => Promise<Run>;
  /** At the end: the content is there, and nothing else. */
  readonly check: () => Promise<void>;
}

let fileCount = 0;

async function upload(volume: string, bytes: Buffer): Promise<Way> {
  const source = lab.newPath();
  const path = `/${volume}/file-${fileCount++}`;
  writeFileSync(source, bytes);
  return {
    name: 'upload',
    direction: 'up',
    volume,
    bytes,
    run: (options) =>
      lab.run((session, call) => uploadFile(session, { source, path, ...call }), options),
    check: async () => {
      assert(bytes.equals(await lab.read(path)), 'the volume has the content');
    },
  };
}

async function download(volume: string, bytes: Buffer): Promise<Way> {
  const source = lab.newPath();
  const path = `/${volume}/file-${fileCount++}`;
  const directory = lab.newPath();
  const target = join(directory, 'file');
  mkdirSync(directory);
  writeFileSync(source, bytes);
  await uploadFile(lab.direct, { source, path });
  return {
    name: 'download',
    direction: 'down',
    volume,
    bytes,
    run: (options) =>
      lab.run(
        (session: Session, call) => downloadFile(session, { path, target, ...call }),
        options,
      ),
    check: async () => {
      assert(bytes.equals(readFileSync(target)), 'the target has the content');
      assert.deepEqual(leftovers(directory), []);
    },
  };
}

/** Makes the transfer, run by run, each with its fault, until one comes to its end. */
async function runUntilDone(
  way: Way,
  faults: readonly Fault[],
): Promise<{ readonly runs: number; readonly bytes: number }> {
  const { bytes } = lab.proxy;
  const start = bytes[way.direction];
  const { length } = way.bytes;
  let safe = 0;
  for (let runs = 1; runs <= RUNS_MAX; runs++) {
    const before = bytes[way.direction];
    const fault = faults[runs - 1];
    if (fault !== undefined) lab.proxy.inject(fault);
    const run = await way.run({ retries: false, stallMs: stallMsFor(fault?.kind) });
    lab.proxy.clear();
    // What is still on its way to a run that has ended is not the next one's.
    lab.proxy.cutAll();
    const passed = bytes[way.direction] - before;
    const what = `${way.name} run ${runs} of ${JSON.stringify(faults)}`;
    assert(passed <= onTheWire(length - safe), `${what}: ${passed} bytes, ${safe} were safe`);
    if (run.error === undefined) return { runs, bytes: bytes[way.direction] - start };
    if (fault === undefined) throw run.error;
    const lost = passed - Math.max(0, run.safe - safe);
    assert(lost <= onTheWire(IN_FLIGHT_BYTES), `${what}: ${lost} bytes were lost`);
    // It may have ended before it knew what is there.
    safe = Math.max(safe, run.safe);
  }
  assert.fail(`${way.name} did not end in ${RUNS_MAX} runs: ${JSON.stringify(faults)}`);
}

const WAYS = { upload, download };
const KINDS = ['stall', 'corrupt', 'duplicate', 'delay'] as const;

for (const chunking of ['fixed', 'cdc'] as const) {
  for (const [name, make] of Object.entries(WAYS)) {
    describe(`${name} of one file, ${chunking} chunks`, () => {
      let volume: string;
      before(async () => {
        volume = await lab.newVolume(chunking);
      });

      test(`${name} (${chunking}) ends equal after a cut at any point, and repeats nothing that was safe`, async () => {
        const points = [0, 1, 600, 2500, 4000, 0.25 * SIZE, 0.5 * SIZE, 0.9 * SIZE, SIZE - 1];
        for (const [index, at] of points.entries()) {
          const way = await make(volume, content(100 + index, SIZE));
          const kind = index % 2 === 0 ? 'cut' : 'reset';
          const { runs } = await runUntilDone(way, [
            { direction: way.direction, at: Math.floor(at), kind },
          ]);
          assert.equal(runs, 2, `cut at ${at}`);
          await way.check();
        }
      });

      test(`${name} (${chunking}) ends equal after stalled, changed, doubled and late bytes`, async () => {
        for (const [index, kind] of KINDS.entries()) {
          const random = new Random(index);
          const way = await make(volume, content(200 + index, SIZE));
          const { direction } = way;
          const faults = [1, 2].map(() => randomFault(random, { direction, kind, ...SOMEWHERE }));
          await runUntilDone(way, faults);
          await way.check();
        }
      });

      test(`${name} (${chunking}) sends again at most what was in flight when it was cut off`, async () => {
        const way = await make(volume, content(300, LONG_FILE_BYTES));
        const at = Math.floor(0.9 * LONG_FILE_BYTES);
        const { runs, bytes } = await runUntilDone(way, [
          { direction: way.direction, at, kind: 'cut' },
        ]);
        assert.equal(runs, 2);
        const most = onTheWire(LONG_FILE_BYTES) + onTheWire(IN_FLIGHT_BYTES);
        assert(bytes <= most, `${bytes} bytes, ${most} at most`);
        await way.check();
      });

      test(`${name} (${chunking}) goes on by itself through faults, each costing at most one body`, async () => {
        let happened = 0;
        for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
          const random = new Random(seed);
          const way = await make(volume, content(seed, SIZE));
          const { direction } = way;
          const opposite = direction === 'up' ? 'down' : 'up';
          const faults = [
            ...[1, 2, 3].map(() => randomFault(random, { direction, ...SOMEWHERE })),
            randomFault(random, { direction: opposite, from: 5000, bytes: 9000 }),
          ];
          const before = { bytes: lab.proxy.bytes[direction], happened: lab.proxy.happened };
          lab.proxy.inject(...faults);
          const stallMs = stallMsFor(...faults.map(({ kind }) => kind));
          const { error, waits } = await way.run({ retries: true, stallMs });
          lab.proxy.clear();
          assert.equal(error, undefined, `seed ${seed}`);
          const bytes = lab.proxy.bytes[direction] - before.bytes;
          // What was taken for a stall on a slow machine costs the same.
          const costs = Math.max(faults.length, waits);
          const most = onTheWire(SIZE) + costs * onTheWire(BODY_BYTES);
          assert(bytes <= most, `seed ${seed}: ${bytes} bytes, ${most} at most`);
          await way.check();
          happened += lab.proxy.happened - before.happened;
        }
        assert(happened >= SEEDS, 'faults have happened');
      });

      test(`${name} (${chunking}) ends equal when every run breaks somewhere else`, async () => {
        for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
          const random = new Random(seed + 7919);
          const way = await make(volume, content(seed, SIZE));
          const faults = Array.from({ length: RUNS_MAX - 1 }, () =>
            randomFault(random, { direction: way.direction, ...SOMEWHERE }),
          );
          await runUntilDone(way, faults);
          await way.check();
        }
      });
    });
  }
}
