import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/store.ts';
import { LIMITS } from '../base/limits.ts';
import { RequestRate } from './request-rate.ts';

describe('RequestRate', () => {
  it('refuses more requests of an address in a minute than it lets through, and no others', () => {
    const clock = new ManualClock();
    const rate = new RequestRate(clock, 2);
    rate.take('a');
    rate.take('a');
    assert.throws(() => rate.take('a'), { code: 'busy' });
    rate.take('b');
    clock.advance(60_000);
    rate.take('a');
  });

  it('keeps count of a bounded number of addresses; those beyond share one count', () => {
    const rate = new RequestRate(new ManualClock(), 2);
    for (let count = 0; count < LIMITS.anonymousAddressesMax; count += 1) rate.take(`${count}`);
    rate.take('x');
    rate.take('y');
    assert.throws(() => rate.take('z'), { code: 'busy' });
    rate.take('7');
  });
});
