import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { isGdpfsError } from '../base/errors.ts';
import { lockStore } from './lock.ts';

describe('lockStore()', () => {
  it('lets one holder in, and the next one when it is gone', () => {
    using scratch = new Scratch();
    const lock = lockStore(scratch.path);
    assert.throws(() => lockStore(scratch.path), isLocked);
    lock[Symbol.dispose]();
    lockStore(scratch.path)[Symbol.dispose]();
  });

  it('keeps another process out, and ends with the process that has it, killed or not', async () => {
    using scratch = new Scratch();
    const holder = await holderIn(scratch.path);
    assert.throws(() => lockStore(scratch.path), isLocked);
    const exited = once(holder, 'exit');
    holder.kill('SIGKILL');
    await exited;
    lockStore(scratch.path)[Symbol.dispose]();
  });

  it('is kept against a process that comes second', async () => {
    using scratch = new Scratch();
    using _lock = lockStore(scratch.path);
    await assert.rejects(holderIn(scratch.path));
  });

  it('says something else of a file that cannot be locked', () => {
    using scratch = new Scratch();
    writeFileSync(join(scratch.path, 'lock.sqlite'), 'no database'.repeat(100));
    assert.throws(
      () => lockStore(scratch.path),
      (error) => isGdpfsError(error, 'local_io'),
    );
  });
});

/** A process that has the lock; rejects if it exits instead. */
async function holderIn(directory: string): Promise<ChildProcess> {
  const source = `
    import { lockStore } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)};
    globalThis.lock = lockStore(process.argv[1]);
    process.stdout.write('locked');
    setInterval(() => {}, 60_000);`;
  const options = ['--input-type=module', '--eval', source, '--', directory];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'ignore'] });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => assert.fail(`exited with ${code}`)),
  ]);
  return child;
}

function isLocked(error: unknown): boolean {
  return isGdpfsError(error, 'locked');
}
