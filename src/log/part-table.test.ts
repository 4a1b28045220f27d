import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { type CommitHead, decodePartRecords, encodeCommit } from '../format/commit.ts';
import { FRAME_HEADER_BYTES } from '../format/segment.ts';
import { type IndexDatabase, openIndexDatabase } from '../storage/index-db.ts';
import { PartTable, type StoredCommit } from './part-table.ts';
import { LOG_SCHEMA } from './schema.ts';

const VOLUME = 3;

interface Opened {
  readonly table: PartTable;
  readonly index: IndexDatabase;
}

function openTable(context: TestContext): Opened {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-parts-'));
  const index = openIndexDatabase(join(folder, 'index.sqlite'), [LOG_SCHEMA]);
  context.after(() => {
    index.close();
    rmSync(folder, { recursive: true });
  });
  return { table: new PartTable(index), index };
}

function store({ table, index }: Opened): void {
  index.writer.exec('BEGIN');
  table.waiting.writeAll();
  index.writer.exec('COMMIT');
  table.waiting.settle({ isCommitted: true });
  assert.equal(table.waiting.size, 0);
}

/** Names of logs with the same first bytes: the index finds both by the same key. */
function log(last: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(0xfe);
  bytes[31] = last;
  return bytes;
}

function commit(at: number, ...parts: CommitHead['parts']): StoredCommit {
  const head = {
    volume: new Uint8Array(32),
    epoch: 1,
    firstSeq: at,
    previous: new Uint8Array(32),
    records: [],
    parts,
  };
  const checkpoint = new Uint8Array(1);
  const location = { segment: 1, offset: at, length: 100 };
  return { commit: { ...head, checkpoint }, ...encodeCommit(head, checkpoint), location };
}

const SHORT = [Uint8Array.of(1, 2), Uint8Array.of(3)];
const LONG = [new Uint8Array(LIMITS.indexedRecordsBytesMax).fill(7)];

test('PartTable has the parts of each log in order, waiting and stored', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  const first = commit(
    10,
    { log: log(1), firstSeq: 0, records: SHORT },
    { log: log(2), firstSeq: 0, records: LONG },
    // Of one log, twice in one commit.
    { log: log(1), firstSeq: 2, records: LONG },
  );
  const second = commit(20, { log: log(1), firstSeq: 3, records: SHORT });
  const seen = (): unknown => [
    table.list(VOLUME, log(1), 9).map(({ firstSeq, count }) => [firstSeq, count]),
    table.list(VOLUME, log(1), 3).length,
    table.list(VOLUME, log(3), 9).length,
    table.list(VOLUME + 1, log(1), 9).length,
    [table.count(VOLUME, log(1)), table.count(VOLUME, log(2)), table.count(VOLUME, log(3))],
    decodePartRecords(table.whole(VOLUME, log(1), 2) ?? assert.fail()),
    table.whole(VOLUME, log(1), 3),
    table.whole(VOLUME, log(2), 1),
  ];
  const all = [
    [
      [0, 2],
      [2, 1],
      [3, 2],
    ],
    2,
    0,
    0,
    [5, 1, 0],
    SHORT,
    undefined,
    undefined,
  ];
  table.add(VOLUME, first);
  assert.equal(table.count(VOLUME, log(1)), 3);
  table.add(VOLUME, second);
  assert.deepEqual(seen(), all);
  store(opened);
  assert.deepEqual(seen(), all);
  const [, part] = table.list(VOLUME, log(1), 9);
  const { bytes, places, location } = first;
  const { offset } = places[2] ?? assert.fail();
  // Before the commit, its frame has a header and its length.
  assert.equal(part?.place.offset, location.offset + FRAME_HEADER_BYTES + 4 + offset);
  assert.equal(part.records, undefined);
  const inside = bytes.subarray(offset, offset + part.place.length);
  assert.deepEqual(decodePartRecords(inside), LONG);
});

test('PartTable finds a log of which some waits and some is stored', (context) => {
  const opened = openTable(context);
  const { table } = opened;
  table.add(VOLUME, commit(10, { log: log(1), firstSeq: 0, records: SHORT }));
  store(opened);
  table.add(VOLUME, commit(20, { log: log(1), firstSeq: 2, records: SHORT }));
  table.waiting.begin();
  table.add(VOLUME, commit(30, { log: log(1), firstSeq: 4, records: SHORT }));
  const starts = table.list(VOLUME, log(1), 9).map(({ firstSeq }) => firstSeq);
  assert.deepEqual(starts, [0, 2, 4]);
  assert.equal(table.count(VOLUME, log(1)), 6);
  assert.deepEqual(decodePartRecords(table.whole(VOLUME, log(1), 2) ?? assert.fail()), SHORT);
});

test('PartTable takes a commit again, whatever of it is there', (context) => {
  const opened = openTable(context);
  const { table, index } = opened;
  const parts = [1, 2].map((last) => ({ log: log(last), firstSeq: 0, records: SHORT }));
  table.add(VOLUME, commit(10, ...parts.slice(0, 1)));
  store(opened);
  const whole = commit(10, ...parts);
  table.addAgain(VOLUME, whole);
  table.addAgain(VOLUME, whole);
  store(opened);
  table.addAgain(VOLUME, whole);
  assert.equal(table.waiting.size, 0);
  const rows = index.reader.prepare('SELECT count(*) AS n FROM log_part').get();
  assert.equal(rows?.['n'], 2);
});
