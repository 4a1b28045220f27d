import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { BodyRoom } from './body-room.ts';

const { bodiesBytesMax, bodiesPerPrincipalBytesMax } = LIMITS;

/** Bodies that come when they are told to. */
class Bodies {
  readonly room = new BodyRoom();
  /** Those that have room, in the order in which they got it. */
  readonly come: string[] = [];

  /** Lets it end. */
  begin(principal: string, bytes: number): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.room.with(principal, bytes, () => {
      this.come.push(principal);
      return promise;
    });
    return resolve;
  }
}

test('whoever has room for as many bodies as it may waits for its own, and nobody else does', async () => {
  const bodies = new Bodies();
  const end = bodies.begin('alice', bodiesPerPrincipalBytesMax);
  bodies.begin('alice', 1);
  bodies.begin('bob', 1);
  await turn();
  assert.deepEqual(bodies.come, ['alice', 'bob']);
  end();
  await turn();
  assert.deepEqual(bodies.come, ['alice', 'bob', 'alice']);
});

test('room for pieces comes back one by one, and what is left of it in the end', async () => {
  const room = new BodyRoom();
  {
    using alice = room.forPieces('alice');
    await alice.acquire(bodiesPerPrincipalBytesMax - 1);
    assert.equal(alice.tryAcquire(2), false);
    assert.equal(alice.tryAcquire(1), true);
    using again = room.forPieces('alice');
    assert.equal(again.tryAcquire(1), false);
    using bob = room.forPieces('bob');
    assert.equal(bob.tryAcquire(bodiesPerPrincipalBytesMax), true);
    using carol = room.forPieces('carol');
    assert.equal(carol.tryAcquire(1), false);
    alice.release(1);
    assert.equal(carol.tryAcquire(1), true);
    assert.equal(again.tryAcquire(1), false);
  }
  assert.equal(room.all.bytesUsed, 0);
  using alice = room.forPieces('alice');
  assert.equal(alice.tryAcquire(bodiesPerPrincipalBytesMax), true);
});

test('room that turns out to be too much is given to who waits, and too little is counted', async () => {
  const room = new BodyRoom();
  using alice = room.forPieces('alice');
  await alice.acquire(bodiesPerPrincipalBytesMax);
  using again = room.forPieces('alice');
  const waiting = again.acquire(2);
  alice.resize(bodiesPerPrincipalBytesMax - 2);
  await waiting;
  alice.resize(bodiesPerPrincipalBytesMax);
  assert.equal(room.all.bytesUsed, bodiesPerPrincipalBytesMax + 2);
  alice.resize(0);
  assert.equal(again.tryAcquire(bodiesPerPrincipalBytesMax - 2), true);
});

test('all together have no more than there is, and room comes back from bodies that fail', async () => {
  const bodies = new Bodies();
  const end = bodies.begin('alice', bodiesPerPrincipalBytesMax);
  const left = bodiesBytesMax - bodiesPerPrincipalBytesMax;
  const failing = bodies.room.with('bob', left, async () => {
    await turn();
    throw new Error('gone');
  });
  bodies.begin('carol', 1);
  assert.deepEqual(bodies.come, []);
  await assert.rejects(failing, /gone/);
  await turn();
  assert.deepEqual(bodies.come, ['alice', 'carol']);
  end();
});

test('a body that is larger than the part of one principal comes alone', async () => {
  const bodies = new Bodies();
  const end = bodies.begin('alice', 1);
  bodies.begin('alice', bodiesPerPrincipalBytesMax + 1);
  await turn();
  assert.deepEqual(bodies.come, ['alice']);
  end();
  await turn();
  assert.deepEqual(bodies.come, ['alice', 'alice']);
});
