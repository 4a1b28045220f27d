import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GdpfsError } from '../../base/errors.ts';
import type { PathFault } from './concurrency-control.ts';
import { ExchangeGate, fixedControl, type GateControl } from './exchange-gate.ts';

/** Exchanges that end when they are told to. */
class Exchanges {
  readonly started: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  start(name: string): () => Promise<void> {
    return () => {
      this.started.push(name);
      const end = Promise.withResolvers<void>();
      this.#ends.set(name, end);
      return end.promise;
    };
  }

  finish(name: string): void {
    this.#ends.get(name)?.resolve();
  }

  fail(name: string, error: Error): void {
    this.#ends.get(name)?.reject(error);
  }
}

/** All that promises do is done. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a gate lets its number pass and the others in order', async () => {
  const gate = new ExchangeGate(fixedControl(2));
  const exchanges = new Exchanges();
  const names = ['a', 'b', 'c', 'd'];
  const done = names.map((name) => gate.pass(exchanges.start(name), undefined));
  assert.deepEqual(exchanges.started, ['a', 'b']);
  exchanges.finish('b');
  await settled();
  assert.deepEqual(exchanges.started, ['a', 'b', 'c']);
  for (const name of ['a', 'c']) exchanges.finish(name);
  await settled();
  exchanges.finish('d');
  await Promise.all(done);
});

test('a gate opens for all that a higher limit lets in', async () => {
  const control = { ...fixedControl(1), limit: 1 };
  const gate = new ExchangeGate(control);
  const exchanges = new Exchanges();
  const names = ['a', 'b', 'c', 'd'];
  const done = names.map((name) => gate.pass(exchanges.start(name), undefined));
  control.limit = 2;
  exchanges.finish('a');
  await settled();
  assert.deepEqual(exchanges.started, ['a', 'b', 'c']);
  control.limit = 1;
  exchanges.finish('b');
  await settled();
  assert.deepEqual(exchanges.started, ['a', 'b', 'c']);
  exchanges.finish('c');
  await settled();
  exchanges.finish('d');
  await Promise.all(done);
});

test('who is aborted while waiting leaves, and the others move up', async () => {
  const gate = new ExchangeGate(fixedControl(1));
  const exchanges = new Exchanges();
  const controller = new AbortController();
  const first = gate.pass(exchanges.start('a'), undefined);
  const second = gate.pass(exchanges.start('b'), controller.signal);
  const third = gate.pass(exchanges.start('c'), undefined);
  controller.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  exchanges.finish('a');
  await first;
  await settled();
  assert.deepEqual(exchanges.started, ['a', 'c']);
  exchanges.finish('c');
  await third;
});

test('a gate tells its control what says something about the path', async () => {
  const faults: (readonly [PathFault, number])[] = [];
  const control: GateControl = {
    ...fixedControl(4),
    epoch: 7,
    faulted: (fault, epoch) => faults.push([fault, epoch]),
  };
  const gate = new ExchangeGate(control);
  for (const code of ['busy', 'not_found', 'unavailable'] as const) {
    const exchange = async (): Promise<never> => {
      throw new GdpfsError(code, 'cannot do it: for a test');
    };
    await assert.rejects(gate.pass(exchange, undefined), { code });
  }
  assert.deepEqual(faults, [
    ['overload', 7],
    ['lost', 7],
  ]);
});
