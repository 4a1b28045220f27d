import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { Upload } from '../fs/types.ts';
import { StagedBytes } from './staged-bytes.ts';

const NO_LIMIT = { quota: { bytes: 0, entries: 0 }, usage: undefined };

function upload(id: string, size?: number): Upload {
  const place = { principal: 'bob', volume: new Uint8Array(32), path: 'f', chunkSize: 1 };
  return { id, ...place, createdMs: 0, ...(size === undefined ? {} : { size }) };
}

describe('StagedBytes', () => {
  it('lets an upload send its size again and again, but not without end', () => {
    const staged = new StagedBytes();
    const size = LIMITS.stagedSlackBytes;
    const file = upload('a', size);
    for (let time = 0; time < LIMITS.stagedTimesMax; time += 1) staged.add(file, size, NO_LIMIT);
    staged.add(file, size, NO_LIMIT);
    assert.throws(() => staged.add(file, 1, NO_LIMIT), { code: 'quota_exceeded' });
    staged.add(upload('b', size), size, NO_LIMIT);
  });

  it('holds an upload of a size that nobody knows to what the volume has room for', () => {
    const staged = new StagedBytes();
    const room = { quota: { bytes: 1000, entries: 0 }, usage: { bytes: 400, entries: 1 } };
    staged.add(upload('a'), LIMITS.stagedSlackBytes + 600, room);
    assert.throws(() => staged.add(upload('a'), 1, room), { code: 'quota_exceeded' });
    staged.add(upload('b'), 1e15, NO_LIMIT);
  });

  it('remembers a bounded number of uploads, those that send', () => {
    const staged = new StagedBytes();
    const busy = upload('busy', 1);
    const most = LIMITS.stagedTimesMax + LIMITS.stagedSlackBytes;
    staged.add(busy, most, NO_LIMIT);
    for (let count = 0; count < LIMITS.stagedUploadsMax - 1; count += 1) {
      staged.add(upload(`${count}`, 1), 1, NO_LIMIT);
    }
    assert.throws(() => staged.add(busy, 1, NO_LIMIT), { code: 'quota_exceeded' });
    staged.add(upload('one more', 1), 1, NO_LIMIT);
    staged.add(busy, most, NO_LIMIT);
  });
});
