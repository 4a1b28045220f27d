import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { Scratch } from '../../../test/support/scratch.ts';
import { sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk } from '../../format/manifest.ts';
import { openSourceFile } from '../source-file.ts';
import { openUploadJournal } from './journal-folder.ts';
import { extentsOf, type KnownRun, runsOf } from './known-run.ts';
import { UploadJournal } from './upload-journal.ts';

const SIZE = 2 ** 40;
const BINDING = sha256(Uint8Array.of(1));

function chunk(offset: number, length: number): Chunk {
  return { offset, length, checksum: length * 7, digest: sha256(Uint8Array.of(offset % 251)) };
}

/** Two bodies, a hole behind the second, and a gap before the third. */
const RUNS: readonly KnownRun[] = [
  { start: 0, end: 300, chunks: [chunk(0, 100), chunk(100, 200)] },
  { start: 300, end: 1000 + 3 * LIMITS.scanBytesMax, chunks: [chunk(300, 700)] },
  { start: 2 ** 33, end: 2 ** 33 + 50, chunks: [chunk(2 ** 33, 50)] },
];
const MERGED = runsOf(RUNS.flatMap(extentsOf), SIZE);

async function write(directory: string, runs: readonly KnownRun[]): Promise<void> {
  const journal = new UploadJournal(directory, BINDING, SIZE);
  await journal.read();
  for (const run of runs) await journal.add(run);
  await journal.close();
}

async function read(directory: string, binding = BINDING): Promise<readonly KnownRun[]> {
  return await new UploadJournal(directory, binding, SIZE).read();
}

function journalIn(directory: string): string {
  const [name = ''] = readdirSync(directory);
  return join(directory, name);
}

test('runsOf() undoes extentsOf(), whatever the order, and merges what touches', () => {
  const lengths = fc.array(
    fc.record({
      length: fc.integer({ min: 1, max: 50 }),
      kind: fc.constantFrom('chunk', 'hole', 'gap'),
    }),
  );
  fc.assert(
    fc.property(lengths, (parts) => {
      let end = 0;
      const extents = parts.flatMap(({ length, kind }) => {
        const offset = end;
        end += length;
        if (kind === 'gap') return [];
        return [{ offset, length, chunk: kind === 'chunk' ? chunk(offset, length) : undefined }];
      });
      const runs = runsOf(extents.toReversed(), end);
      const covered = (each: readonly { offset: number; length: number }[]): number =>
        each.reduce((sum, { length }) => sum + length, 0);
      assert.deepEqual(
        runs.flatMap(({ chunks }) => chunks),
        extents.flatMap((each) => each.chunk ?? []),
      );
      assert.equal(covered(runs.flatMap(extentsOf)), covered(extents));
      for (const [index, { start }] of runs.slice(1).entries())
        assert(start > (runs[index]?.end ?? 0));
    }),
  );
});

test('runsOf() leaves out what overlaps or does not fit into the file', () => {
  const extents = [chunk(0, 10), chunk(5, 10), chunk(20, 10)].map((each) => ({
    ...each,
    chunk: each,
  }));
  assert.deepEqual(runsOf(extents, 29), [{ start: 0, end: 10, chunks: [chunk(0, 10)] }]);
});

test('an upload journal gives back what was added, by one process after another', async () => {
  using folder = new Scratch();
  assert.deepEqual(await read(folder.path), []);
  for (const run of RUNS) await write(folder.path, [run]);
  assert.deepEqual(await read(folder.path), MERGED);
  assert.equal(statSync(journalIn(folder.path)).mode & 0o777, 0o600);
});

test('two processes may write an upload journal at the same time', async () => {
  using folder = new Scratch();
  await write(folder.path, RUNS.slice(0, 1));
  const journals = [1, 2].map(() => new UploadJournal(folder.path, BINDING, SIZE));
  for (const journal of journals) await journal.read();
  for (const run of RUNS) for (const journal of journals) await journal.add(run);
  for (const journal of journals) await journal.close();
  assert.deepEqual(await read(folder.path), MERGED);
});

test('an upload journal of another file says nothing', async () => {
  using folder = new Scratch();
  await write(folder.path, RUNS);
  const other = Uint8Array.from(BINDING);
  other[31] = (other[31] ?? 0) ^ 1;
  assert.deepEqual(await read(folder.path, other), []);
});

test('a damaged upload journal never says more than was added, and can be added to', async () => {
  using folder = new Scratch();
  await write(folder.path, RUNS);
  const path = journalIn(folder.path);
  const whole = readFileSync(path);
  const good = new Set(MERGED.flatMap(({ chunks }) => chunks).map((each) => JSON.stringify(each)));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length),
      fc.nat(whole.length - 1),
      fc.nat(255),
      async (length, at, mask) => {
        const bytes = Uint8Array.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        writeFileSync(path, bytes);
        truncateSync(path, length);
        for (const { chunks } of await read(folder.path)) {
          for (const each of chunks) assert(good.has(JSON.stringify(each)));
        }
        await write(folder.path, RUNS);
        assert.deepEqual(await read(folder.path), MERGED);
      },
    ),
    { numRuns: 50 },
  );
  appendFileSync(path, 'torn');
  await write(folder.path, RUNS);
  assert.deepEqual(await read(folder.path), MERGED);
});

test('an upload journal that cannot be written changes nothing', async () => {
  using folder = new Scratch();
  writeFileSync(join(folder.path, 'file'), '');
  await write(join(folder.path, 'file'), RUNS);
  assert.deepEqual(await read(join(folder.path, 'file')), []);
});

test('openUploadJournal() removes journals that are too old or too many', async () => {
  using folder = new Scratch();
  const directory = join(folder.path, 'journals');
  const sourcePath = join(folder.path, 'source');
  mkdirSync(directory);
  writeFileSync(sourcePath, 'x');
  const nowSeconds = Date.now() / 1000;
  const make = (name: string, ageSeconds: number): void => {
    const path = join(directory, name);
    writeFileSync(path, '');
    utimesSync(path, nowSeconds - ageSeconds, nowSeconds - ageSeconds);
  };
  const keepSeconds = LIMITS.uploadJournalKeepMs / 1000;
  make('old.journal', keepSeconds + 60);
  make('young.journal', keepSeconds - 60);
  make('no journal', keepSeconds + 60);
  await using source = await openSourceFile(sourcePath);
  const chunking = { mode: 'fixed', chunkSize: 1 } as const;
  const subject = { source, sourcePath, chunking, server: 's', volume: 'v' };
  await openUploadJournal(directory, subject);
  assert.deepEqual(readdirSync(directory).sort(), ['no journal', 'young.journal']);
  for (let index = 0; index < LIMITS.uploadJournalsMax; index += 1) make(`${index}.journal`, index);
  await openUploadJournal(directory, subject);
  const left = readdirSync(directory).filter((name) => name.endsWith('.journal'));
  assert.equal(left.length, LIMITS.uploadJournalsMax);
  assert(!left.includes('young.journal'));
});

test('openUploadJournal() has another journal for each file, version, cut, server and volume', async () => {
  using folder = new Scratch();
  const directory = join(folder.path, 'journals');
  const sourcePath = join(folder.path, 'source');
  writeFileSync(sourcePath, 'x');
  const fixed = { mode: 'fixed', chunkSize: 1 } as const;
  const base = { sourcePath, chunking: fixed, server: 's', volume: 'v' };
  const key = new Uint8Array(32);
  const others = [
    {},
    { sourcePath: join(folder.path, 'link') },
    { chunking: { mode: 'fixed', chunkSize: 2 } as const },
    { chunking: { mode: 'cdc', key } as const },
    { chunking: { mode: 'cdc', key: new Uint8Array(32).fill(1) } as const },
    { server: 't' },
    { volume: 'w' },
  ];
  const run = { start: 0, end: 1, chunks: [chunk(0, 1)] };
  for (const [index, other] of others.entries()) {
    await using source = await openSourceFile(sourcePath);
    const journal = await openUploadJournal(directory, { ...base, source, ...other });
    assert.deepEqual(await journal.read(), []);
    await journal.add(run);
    await journal.close();
    assert.equal(readdirSync(directory).length, index + 1);
  }
  // Again and again: the clock of a file system may take steps of several milliseconds.
  const changedNs = (): bigint => statSync(sourcePath, { bigint: true }).ctimeNs;
  const before = changedNs();
  while (changedNs() === before) chmodSync(sourcePath, 0o600);
  await using changed = await openSourceFile(sourcePath);
  assert.deepEqual(
    await (await openUploadJournal(directory, { ...base, source: changed })).read(),
    [],
  );
});
