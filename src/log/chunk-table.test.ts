import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type IndexDatabase, openIndexDatabase } from '../storage/index-db.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { ChunkTable } from './chunk-table.ts';
import { LOG_SCHEMA } from './schema.ts';

const VOLUME = 3;
const OTHER_VOLUME = 4;

function openTable(context: TestContext): { table: ChunkTable; index: IndexDatabase } {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-chunks-'));
  const index = openIndexDatabase(join(folder, 'index.sqlite'), [LOG_SCHEMA]);
  context.after(() => {
    index.close();
    rmSync(folder, { recursive: true });
  });
  return { table: new ChunkTable(index), index };
}

function store({ table, index }: { table: ChunkTable; index: IndexDatabase }): void {
  index.writer.exec('BEGIN');
  table.waiting.writeAll();
  index.writer.exec('COMMIT');
  table.waiting.settle({ isCommitted: true });
  assert.equal(table.waiting.size, 0);
}

/** Digests with the same first bytes: the index finds both by the same key. */
function digest(last: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(0xfe);
  bytes[31] = last;
  return bytes;
}

/** Of all chunks, in the order of their places. */
function rows({ index }: { index: IndexDatabase }): (readonly [offset: unknown, used: unknown])[] {
  const found = index.writer.prepare('SELECT offset, used FROM chunk ORDER BY offset').all();
  return found.map(({ offset, used }) => [offset, used] as const);
}

function at(offset: number): FrameLocation {
  return { segment: 1, offset, length: 100 };
}

test('ChunkTable tells chunks apart whose digests begin alike, pending and stored', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  for (const step of [() => {}, () => store(opened)]) {
    table.add(VOLUME, digest(1), at(10));
    table.add(VOLUME, digest(2), at(20));
    table.add(OTHER_VOLUME, digest(1), at(30));
    step();
    assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
    assert.deepEqual(table.find(VOLUME, digest(2)), at(20));
    assert.deepEqual(table.find(OTHER_VOLUME, digest(1)), at(30));
    assert.equal(table.find(VOLUME, digest(3)), undefined);
    assert.equal(table.find(OTHER_VOLUME, digest(2)), undefined);
  }
});

test('ChunkTable finds a chunk that comes after it was asked for', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  table.add(VOLUME, digest(1), at(10));
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
});

test('ChunkTable finds a chunk although another was asked for that begins alike, while it waited', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(1), at(10));
  assert.equal(table.find(VOLUME, digest(2)), undefined);
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
  assert.equal(table.find(VOLUME, digest(2)), undefined);
});

test('ChunkTable has one row of a chunk that comes again before, while and after it is stored', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  table.add(VOLUME, digest(1), at(10));
  table.add(VOLUME, digest(1), at(20));
  index.writer.exec('BEGIN');
  table.waiting.writeAll();
  table.add(VOLUME, digest(1), at(30));
  index.writer.exec('COMMIT');
  table.waiting.settle({ isCommitted: true });
  assert.equal(table.waiting.size, 1);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(30));
  store(opened);
  table.add(VOLUME, digest(1), at(40));
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(40));
  assert.deepEqual(rows(opened), [[40, 0]]);
});

test('ChunkTable keeps what was to be stored when the transaction is taken back', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  table.add(VOLUME, digest(1), at(10));
  index.writer.exec('BEGIN');
  table.waiting.begin();
  table.waiting.writeSome();
  index.writer.exec('ROLLBACK');
  table.waiting.settle({ isCommitted: false });
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
  index.writer.exec('BEGIN');
  table.waiting.writeSome();
  index.writer.exec('COMMIT');
  table.waiting.settle({ isCommitted: true });
  assert.equal(table.waiting.size, 0);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
});

test('ChunkTable finds a rotten chunk no more until it comes again', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  for (const isStored of [true, false]) {
    const of = isStored ? digest(1) : digest(2);
    table.add(VOLUME, of, at(10));
    table.use(VOLUME, of);
    if (isStored) store(opened);
    assert.equal(table.removeRotten(VOLUME, of, at(11)), false);
    assert.equal(table.removeRotten(VOLUME, of, at(10)), true);
    assert.equal(table.find(VOLUME, of), undefined);
    store(opened);
    assert.equal(table.find(VOLUME, of), undefined);
    table.add(VOLUME, of, at(20));
    assert.deepEqual(table.find(VOLUME, of), at(20));
    store(opened);
    assert.deepEqual(table.lookUp(VOLUME, of), { location: at(20), used: true });
  }
  assert.deepEqual(rows(opened), [
    [20, 1],
    [20, 1],
  ]);
});

test('ChunkTable knows of a chunk that a file uses, whenever it came', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(1), at(10));
  table.add(VOLUME, digest(2), at(20));
  assert.equal(table.lookUp(VOLUME, digest(1))?.used, false);
  table.use(VOLUME, digest(1));
  assert.equal(table.lookUp(VOLUME, digest(1))?.used, true);
  store(opened);
  table.use(VOLUME, digest(2));
  assert.equal(table.lookUp(VOLUME, digest(1))?.used, true);
  assert.equal(table.lookUp(VOLUME, digest(2))?.used, true);
  table.add(VOLUME, digest(1), at(30));
  store(opened);
  assert.equal(table.lookUp(VOLUME, digest(1))?.used, true);
  assert.equal(table.isEmpty(VOLUME), false);
  assert.equal(table.isEmpty(OTHER_VOLUME), true);
});

test('ChunkTable knows of a chunk that a file uses while it is on its way into the index', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  table.add(VOLUME, digest(1), at(10));
  table.add(VOLUME, digest(2), at(20));
  index.writer.exec('BEGIN');
  table.waiting.begin();
  table.use(VOLUME, digest(1));
  table.waiting.writeSome();
  table.use(VOLUME, digest(2));
  index.writer.exec('COMMIT');
  // It comes again, and the file still uses it.
  table.add(VOLUME, digest(2), at(30));
  assert.equal(table.lookUp(VOLUME, digest(2))?.used, true);
  table.waiting.settle({ isCommitted: true });
  assert.deepEqual(rows(opened), [
    [10, 1],
    [20, 1],
  ]);
  store(opened);
  assert.deepEqual(rows(opened), [
    [10, 1],
    [30, 1],
  ]);
});

test('ChunkTable does not let it wait to be known that a chunk is lost', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  table.add(VOLUME, digest(1), at(10));
  store(opened);
  table.removeRotten(VOLUME, digest(1), at(10));
  table.writeRotten(VOLUME, digest(1));
  const other = new ChunkTable(index);
  assert.equal(other.find(VOLUME, digest(1)), undefined);
});

test('ChunkTable has a chunk that came again before it was known that it was lost', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(1), at(10));
  table.waiting.begin();
  table.removeRotten(VOLUME, digest(1), at(10));
  table.add(VOLUME, digest(1), at(20));
  table.writeRotten(VOLUME, digest(1));
  assert.deepEqual(table.find(VOLUME, digest(1)), at(20));
  for (let count = 0; count < 2; count += 1) {
    table.waiting.begin();
    table.waiting.writeSome();
    table.waiting.settle({ isCommitted: true });
  }
  assert.deepEqual(table.find(VOLUME, digest(1)), at(20));
  assert.deepEqual(rows(opened), [[20, 0]]);
});
