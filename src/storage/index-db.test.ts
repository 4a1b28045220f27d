import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { openIndexDatabase, removeIndex } from './index-db.ts';

const SCHEMA = ['CREATE TABLE thing (value INTEGER)'];

describe('openIndexDatabase()', () => {
  it('makes an index where none is, and finds it again', () => {
    using scratch = new Scratch();
    const path = join(scratch.path, 'index.sqlite');
    const made = openIndexDatabase(path, SCHEMA);
    assert.equal(made.isNew, true);
    made.writer.exec('INSERT INTO thing VALUES (7)');
    made.close();
    const found = openIndexDatabase(path, SCHEMA);
    assert.equal(found.isNew, false);
    assert.equal(count(found.reader), 1);
    found.close();
  });

  it('shows the reader only what is committed', () => {
    using scratch = new Scratch();
    const index = openIndexDatabase(join(scratch.path, 'i'), SCHEMA);
    const { writer, reader } = index;
    writer.exec('BEGIN IMMEDIATE; INSERT INTO thing VALUES (7)');
    assert.deepEqual([count(writer), count(reader)], [1, 0]);
    writer.exec('COMMIT');
    assert.deepEqual([count(writer), count(reader)], [1, 1]);
    assert.throws(() => reader.exec('INSERT INTO thing VALUES (8)'));
    index.close();
  });

  const broken: Readonly<Record<string, (path: string) => void>> = {
    'an index of another version': (path) => {
      const database = new DatabaseSync(path);
      database.exec('PRAGMA user_version = 999999');
      database.close();
    },
    'an index that was being made': (path) => {
      removeIndex(path);
      const database = new DatabaseSync(path);
      database.exec('CREATE TABLE thing (value INTEGER)');
      database.close();
    },
    'a file that is no database': (path) => {
      writeFileSync(path, 'not a database at all, but long enough to look at'.repeat(100));
    },
    'a database with a damaged header': (path) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, 0, 50);
      writeFileSync(path, bytes);
    },
    'an empty file': (path) => {
      writeFileSync(path, '');
    },
  };
  for (const [what, damage] of Object.entries(broken)) {
    it(`makes ${what} anew`, () => {
      using scratch = new Scratch();
      const path = join(scratch.path, 'index.sqlite');
      const old = openIndexDatabase(path, SCHEMA);
      old.writer.exec('INSERT INTO thing VALUES (7)');
      old.close();
      damage(path);
      const opened = openIndexDatabase(path, SCHEMA);
      assert.equal(opened.isNew, true);
      assert.equal(count(opened.reader), 0);
      opened.close();
    });
  }
});

describe('removeIndex()', () => {
  it('leaves nothing of it, and accepts that there is none', () => {
    using scratch = new Scratch();
    const path = join(scratch.path, 'index.sqlite');
    const { writer } = openIndexDatabase(path, SCHEMA);
    writer.exec('INSERT INTO thing VALUES (7)');
    assert(existsSync(`${path}-wal`));
    removeIndex(path);
    assert.deepEqual(readdirSync(scratch.path), []);
    removeIndex(path);
  });
});

function count(database: DatabaseSync): unknown {
  return database.prepare('SELECT count(*) AS n FROM thing').get()?.['n'];
}
