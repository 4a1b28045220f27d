import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { LIMITS } from '../../base/limits.ts';
import { Random } from '../../../test/support/random.ts';
import { ConcurrencyControl, type PathFault } from './concurrency-control.ts';

const BODY_BYTES = LIMITS.bodyBytesTarget;
const START = LIMITS.downloadExchangesStart;

interface Link {
  /** Shared by all exchanges. */
  readonly bytesPerMs: number;
  /** Of one exchange, beside its bytes: on average, it varies by half. */
  readonly latencyMs: number;
  /** Exchanges that are offered at once, if the limit lets them. */
  readonly offered?: number;
  /** What happens to an exchange that starts now, beside `inFlight` others. */
  readonly fault?: (nowMs: number, inFlight: number) => PathFault | undefined;
  /** Factor for the rate of the link in one tick. */
  readonly noise?: () => number;
}

/** A link that shares its rate fairly, in ticks of a millisecond. */
class SimulatedLink {
  readonly control = new ConcurrencyControl(START);
  readonly limits: number[] = [];
  faults = 0;
  bytes = 0;
  #nowMs = 0;
  readonly #random: Random;
  readonly #link: Link;
  #exchanges: { latencyMs: number; left: number; epoch: number; fault: PathFault | undefined }[] =
    [];

  constructor(link: Link, seed = 1) {
    this.#random = new Random(seed);
    this.#link = link;
  }

  /** Bytes a millisecond that got through. */
  run(durationMs: number): number {
    const before = this.bytes;
    for (const endMs = this.#nowMs + durationMs; this.#nowMs < endMs; ) this.#tick();
    return (this.bytes - before) / durationMs;
  }

  #tick(): void {
    this.#nowMs += 1;
    const { control } = this;
    const { bytesPerMs, latencyMs, offered = 32, fault, noise = () => 1 } = this.#link;
    while (this.#exchanges.length < Math.min(offered, control.limit)) {
      this.#exchanges.push({
        latencyMs: latencyMs * (0.5 + this.#random.next()),
        left: BODY_BYTES,
        epoch: control.epoch,
        fault: fault?.(this.#nowMs, this.#exchanges.length),
      });
    }
    for (const exchange of this.#exchanges) exchange.latencyMs -= 1;
    // The nearest to their end first, so that what they leave of their share goes to the others.
    const moving = this.#exchanges
      .filter((exchange) => exchange.latencyMs < 0)
      .sort((one, other) => one.left - other.left);
    let free = bytesPerMs * noise();
    for (const [index, exchange] of moving.entries()) {
      const moved = Math.min(free / (moving.length - index), exchange.left);
      control.moved(moved);
      exchange.left -= moved;
      free -= moved;
    }
    const isLimited = this.#exchanges.length >= control.limit;
    for (const exchange of this.#exchanges) {
      if (exchange.fault !== undefined && exchange.latencyMs < 0) {
        this.faults += 1;
        exchange.left = 0;
        control.faulted(exchange.fault, exchange.epoch);
      } else if (exchange.left <= 0) {
        this.bytes += BODY_BYTES;
        control.completed({ nowMs: this.#nowMs, isLimited });
      }
    }
    this.#exchanges = this.#exchanges.filter(({ left }) => left > 0);
    this.limits.push(control.limit);
  }
}

test('a fast link without delay soon gets few exchanges, and all of its rate', () => {
  const link = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 1 });
  link.run(2500);
  assert(link.control.limit <= 4, `limit ${link.control.limit}`);
  link.run(10_000);
  assert(link.run(10_000) >= 0.95 * 600_000);
  assert(link.control.limit <= 4, `limit ${link.control.limit}`);
});

test('a link with 20 ms of delay gets as many exchanges as fill it', () => {
  const link = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 40 });
  link.run(10_000);
  // One exchange takes 40 ms and 7 ms for its bytes: fewer than seven leave the link idle.
  assert(link.run(10_000) >= 0.9 * 600_000);
  assert(link.control.limit >= 8, `limit ${link.control.limit}`);
});

test('a link with a long delay gets the most that memory allows', () => {
  const link = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 300 });
  link.run(20_000);
  assert(link.run(20_000) >= (0.9 * LIMITS.dataExchangesMax * BODY_BYTES) / 304);
});

test('a slow link gets the fewest', () => {
  const link = new SimulatedLink({ bytesPerMs: 1000, latencyMs: 100 });
  link.run(3_000_000);
  assert(link.control.limit <= 3, `limit ${link.control.limit}`);
});

test('a server that takes four exchanges at once is rarely asked for more', () => {
  const link = new SimulatedLink({
    bytesPerMs: 400_000,
    latencyMs: 20,
    fault: (_nowMs, inFlight) => (inFlight >= 4 ? 'overload' : undefined),
  });
  link.run(10_000);
  link.faults = 0;
  const goodput = link.run(120_000);
  const exchanges = (goodput * 120_000) / BODY_BYTES;
  assert(link.faults < 0.02 * exchanges, `${link.faults} of ${exchanges}`);
  // Four would give 4 × 4 MiB in about 52 ms.
  assert(goodput >= 0.7 * ((4 * BODY_BYTES) / 52), `${goodput}`);
});

test('a link that was cut is used as before soon after it is back', () => {
  const link = new SimulatedLink({
    bytesPerMs: 600_000,
    latencyMs: 40,
    fault: (nowMs) => (nowMs > 20_000 && nowMs < 25_000 ? 'lost' : undefined),
  });
  link.run(10_000);
  const before = link.run(10_000);
  link.run(5000);
  assert.equal(link.control.limit, LIMITS.dataExchangesMin);
  link.run(5000);
  assert(link.run(5000) >= 0.9 * before);
});

test('a narrower bound is kept, also after faults', () => {
  for (const [bound, highest] of [
    [1, LIMITS.dataExchangesMin],
    [5, 4],
    [Infinity, LIMITS.dataExchangesMax],
  ] as const) {
    const control = new ConcurrencyControl(START, bound);
    const limits = [control.limit];
    for (let nowMs = 0; nowMs < 600_000; nowMs += 50) {
      control.moved(BODY_BYTES * control.limit ** 2);
      control.completed({ nowMs, isLimited: true });
      if (nowMs === 300_000) control.faulted('overload', control.epoch);
      limits.push(control.limit);
    }
    assert.equal(Math.max(...limits), highest);
    assert.equal(control.limit, highest);
  }
});

test('going down, several steps together may cost no more than one', () => {
  // Each step less gives 2 % less than the one above it.
  const bytesPerMs = new Map([8, 6, 4, 3, 2].map((limit, index) => [limit, 1000 * 0.98 ** index]));
  const control = new ConcurrencyControl(8);
  const limits: number[] = [];
  // Until it rests: it was at a step, and came back to it.
  for (let nowMs = 0; limits.filter((limit) => limit === 6).length < 2; nowMs += 50) {
    const { limit } = control;
    if (limit !== limits.at(-1)) limits.push(limit);
    control.moved(50 * (bytesPerMs.get(limit) ?? 1000));
    control.completed({ nowMs, isLimited: true });
    assert(nowMs < 60_000);
  }
  assert.deepEqual(limits, [8, 12, 6, 4, 6]);
});

test('all faults of one moment halve the limit once', () => {
  const control = new ConcurrencyControl(START);
  const { epoch, limit } = control;
  for (let count = 0; count < limit; count += 1) control.faulted('lost', epoch);
  assert.equal(control.limit, limit / 2);
});

test('the limit does not grow while there is less to do than it lets', () => {
  const link = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 100, offered: 3 });
  link.run(60_000);
  assert(Math.max(...link.limits) <= START);
});

test('a step up that there is not enough to do for is kept only if it gives more', () => {
  const offered = START + 2;
  const full = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 1, offered });
  full.run(3000);
  assert(Math.max(...full.limits) > START, 'it is tried');
  assert(full.control.limit < START, `limit ${full.control.limit}`);
  const long = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 200, offered });
  long.run(20_000);
  assert(long.control.limit > START, `limit ${long.control.limit}`);
});

test('whatever happens, the limit stays between its bounds', () => {
  const event = fc.record({
    fault: fc.constantFrom<(PathFault | undefined)[]>('overload', 'lost', undefined, undefined),
    bytes: fc.nat(BODY_BYTES),
    waitMs: fc.nat(500),
    isLimited: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 500 }), (events) => {
      const control = new ConcurrencyControl(START);
      let nowMs = 0;
      for (const { fault, bytes, waitMs, isLimited } of events) {
        nowMs += waitMs;
        control.moved(bytes);
        if (fault === undefined) control.completed({ nowMs, isLimited });
        else control.faulted(fault, control.epoch);
        assert(control.limit >= LIMITS.dataExchangesMin);
        assert(control.limit <= LIMITS.dataExchangesMax);
      }
    }),
  );
});

test('a rate that wavers costs little', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      let factor = 1;
      let left = 0;
      // The rate stays for 100 ms, then is another, within 20 %.
      const noise = (): number => {
        if (left === 0) factor = 0.8 + 0.2 * random.next();
        left = left === 0 ? 100 : left - 1;
        return factor;
      };
      const link = new SimulatedLink({ bytesPerMs: 600_000, latencyMs: 20, noise });
      link.run(5000);
      assert(link.run(60_000) >= 0.75 * 600_000);
    }),
    { numRuns: 20 },
  );
});
