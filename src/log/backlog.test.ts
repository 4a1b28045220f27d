import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { Backlog } from './backlog.ts';
import { type WaitingRow, WaitingRows } from './waiting-rows.ts';

const VOLUME = 1;

/** Two tables, transactions that are made at once, and a clock that stands still. */
class Bench {
  readonly #context: TestContext;
  readonly written: string[] = [];
  readonly tables = ['a', 'b'].map(
    (name) =>
      new WaitingRows<WaitingRow>((row) => this.written.push(`${name}${row.digest[0]}`), {
        waitingRowsMax: 4,
        waitingRowsAtOnce: 2,
      }),
  );
  transactions = 0;
  rests = 0;
  isFailing = false;
  readonly backlog = new Backlog({
    tables: this.tables,
    run: async (begin) => {
      if (this.isFailing) throw new Error('no transaction');
      this.transaction(begin);
    },
    rest: () => {
      this.rests += 1;
    },
  });

  constructor(context: TestContext) {
    this.#context = context;
    context.mock.timers.enable({ apis: ['setTimeout'] });
  }

  add(table: number, ...firsts: number[]): void {
    for (const first of firsts) {
      const row = { volume: VOLUME, digest: Uint8Array.of(first, 0, 0, 0) };
      this.tables[table]?.set(row, { segment: 1, offset: 100 * table + first });
    }
  }

  transaction(work: () => void = () => {}): void {
    this.transactions += 1;
    work();
    this.backlog.writeSome();
    this.backlog.settle({ isCommitted: true });
  }

  /** Time passes; what it makes happen has happened. */
  async pass(ms: number): Promise<void> {
    this.#context.mock.timers.tick(ms);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

test('Backlog writes what waits when nobody has changed anything for a while, in order, then rests', async (context) => {
  const bench = new Bench(context);
  bench.add(0, 3, 1, 2);
  bench.add(1, 5);
  assert.deepEqual(bench.backlog.from, { segment: 1, offset: 1 });
  bench.transaction();
  await bench.pass(LIMITS.indexIdleMs - 1);
  // Somebody changes something just before.
  bench.transaction();
  await bench.pass(LIMITS.indexIdleMs - 1);
  assert.deepEqual(bench.written, []);
  await bench.pass(1);
  assert.deepEqual(bench.written, ['a1', 'a2', 'b5']);
  assert.deepEqual(bench.backlog.from, { segment: 1, offset: 1 });
  assert.equal(bench.rests, 0);
  // The next transaction, whoever makes it, takes what is left.
  bench.transaction();
  assert.deepEqual(bench.written, ['a1', 'a2', 'b5', 'a3']);
  assert.equal(bench.backlog.from, undefined);
  await bench.pass(LIMITS.indexIdleMs);
  assert.equal(bench.rests, 1);
  const { transactions } = bench;
  await bench.pass(10 * LIMITS.indexIdleMs);
  assert.deepEqual([bench.transactions, bench.rests], [transactions, 1]);
});

test('Backlog has a transaction made when rows are too many that came without one', async (context) => {
  const bench = new Bench(context);
  bench.add(0, 4, 3, 2);
  bench.backlog.grown();
  await bench.pass(0);
  assert.equal(bench.transactions, 0);
  bench.add(0, 1);
  bench.backlog.grown();
  await bench.pass(0);
  assert.deepEqual(bench.written.slice(0, 2), ['a1', 'a2']);
});

test('Backlog writes all before it is closed, unless nothing can be written', async (context) => {
  const bench = new Bench(context);
  bench.add(0, 1, 2, 3, 4, 5, 6, 7);
  bench.add(1, 1);
  bench.isFailing = true;
  await bench.backlog.close();
  assert.deepEqual(bench.written, []);
  bench.isFailing = false;
  await bench.backlog.close();
  assert.equal(bench.written.length, 8);
  await bench.pass(LIMITS.indexIdleMs);
  assert.equal(bench.rests, 0);
});

test('Backlog tries again later if a transaction fails', async (context) => {
  const bench = new Bench(context);
  bench.add(0, 1);
  bench.transaction();
  bench.isFailing = true;
  await bench.pass(LIMITS.indexIdleMs);
  bench.isFailing = false;
  bench.transaction();
  await bench.pass(LIMITS.indexIdleMs);
  assert.deepEqual(bench.written, ['a1']);
});
