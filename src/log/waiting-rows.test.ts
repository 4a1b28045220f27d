import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { earlier, WaitingRows } from './waiting-rows.ts';

interface Row {
  readonly volume: number;
  readonly digest: Uint8Array;
  /** Place, and order of arrival. */
  readonly at: number;
}

const LIMITS = { waitingRowsMax: 4, waitingRowsAtOnce: 2 };

/** Few digests, most with short keys of their own; the keys of some are negative numbers. */
function digest(which: number): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes[0] = which * 61;
  bytes[31] = which;
  return bytes;
}

function placeOf(at: number): { readonly segment: number; readonly offset: number } {
  return { segment: Math.floor(at / 10) + 1, offset: at % 10 };
}

/** Rows that wait, beside a table that a transaction writes to. */
class Bench {
  /** By name, what a crash leaves. */
  stored = new Map<string, number>();
  #open = new Map<string, number>();
  readonly written: Row[] = [];
  readonly newest = new Map<string, number>();
  readonly arrived: Row[] = [];
  readonly rows = new WaitingRows<Row>((row) => {
    this.#open.set(nameOf(row), row.at);
    this.written.push(row);
  }, LIMITS);

  add(volume: number, which: number): void {
    const row = { volume, digest: digest(which), at: this.arrived.length };
    this.arrived.push(row);
    this.newest.set(nameOf(row), row.at);
    this.rows.set(row, placeOf(row.at));
  }

  transaction(isCommitted: boolean, work: () => void): void {
    this.#open = new Map(this.stored);
    work();
    const { from } = this.rows;
    if (isCommitted) this.stored = this.#open;
    this.rows.settle({ isCommitted });
    if (isCommitted) this.checkCrash(from);
  }

  find(row: Row): number | undefined {
    const { volume, digest: name } = row;
    const waiting = this.rows.coming(volume, name) ?? this.rows.leaving(volume, name);
    return waiting?.at ?? this.stored.get(nameOf(row));
  }

  check(): void {
    for (const row of this.arrived) assert.equal(this.find(row), this.newest.get(nameOf(row)));
  }

  /** What is stored, and what is read again from where the index stands, are all that came. */
  checkCrash(from: ReturnType<typeof placeOf> | undefined): void {
    const recovered = new Map(this.stored);
    for (const row of this.arrived) {
      const place = placeOf(row.at);
      const isBehind = from !== undefined && earlier(from, place) === from;
      if (isBehind) recovered.set(nameOf(row), row.at);
    }
    assert.deepEqual(recovered, this.newest);
  }
}

function nameOf({ volume, digest: name }: Pick<Row, 'volume' | 'digest'>): string {
  return `${volume}/${name[31]}`;
}

test('WaitingRows are found until they are stored, and a crash at any time loses none', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ volume: fc.integer({ min: 1, max: 2 }), which: fc.nat(9) }),
    },
    { weight: 2, arbitrary: fc.constantFrom('some', 'rolled back', 'begin' as const) },
  );
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const bench = new Bench();
    for (const one of steps) {
      if (typeof one === 'object') bench.add(one.volume, one.which);
      else if (one === 'begin') bench.rows.begin();
      else bench.transaction(one === 'some', () => bench.rows.writeSome());
      bench.check();
    }
    while (bench.rows.size > 0) {
      bench.rows.begin();
      bench.transaction(true, () => bench.rows.writeSome());
    }
    assert.equal(bench.rows.from, undefined);
    assert.deepEqual(bench.stored, bench.newest);
  });
  fc.assert(property, { numRuns: 300 });
});

test('WaitingRows leave by volume and in the order of their keys, a few with each transaction', () => {
  const bench = new Bench();
  const writeSome = (): void => bench.transaction(true, () => bench.rows.writeSome());
  for (const [volume, which] of [
    [2, 1],
    [1, 2],
    [1, 3],
  ] as const) {
    bench.add(volume, which);
  }
  writeSome();
  assert.deepEqual(bench.written, []);
  bench.add(1, 1);
  writeSome();
  writeSome();
  // 61 * 3 is the first byte of a negative key.
  assert.deepEqual(bench.written.map(nameOf), ['1/3', '1/1', '1/2', '2/1']);
});

test('WaitingRows that nobody wants to leave are never more than two generations', () => {
  const bench = new Bench();
  for (let which = 0; which < 200; which += 1) {
    bench.add(which, 1);
    bench.transaction(true, () => bench.rows.writeSome());
    assert(bench.rows.size <= 2 * LIMITS.waitingRowsMax);
  }
});
