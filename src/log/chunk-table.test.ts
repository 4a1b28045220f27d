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
  const flushed = table.flush();
  index.writer.exec('COMMIT');
  table.forget(flushed);
  assert.equal(table.pendingCount, 0);
}

/** Digests with the same first bytes: the index finds both by the same key. */
function digest(last: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(0xfe);
  bytes[31] = last;
  return bytes;
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
  const flushed = table.flush();
  table.add(VOLUME, digest(1), at(30));
  index.writer.exec('COMMIT');
  table.forget(flushed);
  assert.equal(table.pendingCount, 1);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(30));
  store(opened);
  table.add(VOLUME, digest(1), at(40));
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(40));
  const rows = index.writer.prepare('SELECT offset FROM chunk').all();
  assert.deepEqual(
    rows.map(({ offset }) => offset),
    [40],
  );
});

test('ChunkTable keeps what was to be stored when the transaction is taken back', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  table.add(VOLUME, digest(1), at(10));
  index.writer.exec('BEGIN');
  table.flush();
  index.writer.exec('ROLLBACK');
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(10));
});

test('ChunkTable finds a rotten chunk no more until it comes again', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(1), at(10));
  store(opened);
  table.removeRotten(VOLUME, digest(1), at(10));
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  store(opened);
  assert.equal(table.find(VOLUME, digest(1)), undefined);
  table.add(VOLUME, digest(1), at(20));
  assert.deepEqual(table.find(VOLUME, digest(1)), at(20));
  store(opened);
  assert.deepEqual(table.find(VOLUME, digest(1)), at(20));
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

/** A transaction of the index that keeps what no file uses; returns where that begins. */
function storeUsed({ table, index }: { table: ChunkTable; index: IndexDatabase }): unknown {
  index.writer.exec('BEGIN');
  const flushed = table.flush({ keepUnused: true });
  index.writer.exec('COMMIT');
  table.forget(flushed);
  return flushed.waitingFrom;
}

function rows({ index }: { index: IndexDatabase }): (readonly [offset: unknown, used: unknown])[] {
  const found = index.writer.prepare('SELECT offset, used FROM chunk ORDER BY offset').all();
  return found.map(({ offset, used }) => [offset, used] as const);
}

test('ChunkTable lets a chunk wait for the file that uses it, and says from where on chunks wait', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(3), at(30));
  table.add(VOLUME, digest(1), at(10));
  table.add(OTHER_VOLUME, digest(2), { segment: 2, offset: 5, length: 100 });
  table.use(VOLUME, digest(3));
  assert.deepEqual(storeUsed(opened), at(10));
  assert.deepEqual(rows(opened), [[30, 1]]);
  assert.deepEqual(table.lookUp(VOLUME, digest(1)), { location: at(10), used: false });
  table.use(VOLUME, digest(1));
  assert.deepEqual(storeUsed(opened), { segment: 2, offset: 5, length: 100 });
  assert.deepEqual(rows(opened), [
    [10, 1],
    [30, 1],
  ]);
  store(opened);
  assert.deepEqual(rows(opened), [
    [5, 0],
    [10, 1],
    [30, 1],
  ]);
  assert.equal(storeUsed(opened), undefined);
});

test('ChunkTable lets no chunk wait for ever', (context) => {
  const opened = openTable(context);
  opened.table.add(VOLUME, digest(1), at(10));
  let transactions = 0;
  while (storeUsed(opened) !== undefined) transactions += 1;
  assert.equal(transactions, 8);
  assert.deepEqual(rows(opened), [[10, 0]]);
});

test('ChunkTable does not let it wait to be known that a chunk is lost', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, digest(1), at(10));
  store(opened);
  table.removeRotten(VOLUME, digest(1), at(10));
  assert.equal(storeUsed(opened), undefined);
  assert.equal(table.pendingCount, 0);
  assert.equal(table.find(VOLUME, digest(1)), undefined);
});
