import assert from 'node:assert/strict';
import { appendFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { ManualClock } from '../../test/support/store.ts';
import { temporaryDirectory } from '../../test/support/server.ts';
import { type AuditEvent, type AuditLog, openAuditLog } from './audit-log.ts';

const CHANGE: AuditEvent = {
  principal: 'bob',
  from: '10.0.0.1',
  operation: 'filesPost',
  targets: [],
};
const REFUSAL: AuditEvent = { ...CHANGE, operation: 'filesGet', code: 'forbidden' };

async function openLog(directory: string, clock = new ManualClock()): Promise<AuditLog> {
  const warn = (message: string): void => assert.fail(message);
  return await openAuditLog({ directory, clock, warn });
}

async function operations(log: AuditLog): Promise<string[]> {
  const { entries } = await log.read({ limit: 1_000_000 });
  return entries.map(({ operation, repeats }) => `${operation}${repeats ? ` x${repeats}` : ''}`);
}

describe('the audit log', () => {
  it('keeps what was written through a restart, in private files, also behind a line that was cut', async () => {
    await using folder = await temporaryDirectory();
    const directory = join(folder.path, 'audit');
    {
      await using log = await openLog(directory);
      log.changed(CHANGE, { isDerived: false });
    }
    const [name = ''] = await readdir(directory);
    const path = join(directory, name);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    await appendFile(path, '{"timeMs":1,"opera');
    await using log = await openLog(directory);
    log.changed({ ...CHANGE, operation: 'second' }, { isDerived: true });
    assert.deepEqual(await operations(log), ['filesPost', 'second']);
  });

  it('counts refusals that repeat themselves, and many kinds of them together', async () => {
    await using folder = await temporaryDirectory();
    const clock = new ManualClock();
    {
      await using log = await openLog(folder.path, clock);
      for (let count = 0; count < 1000; count += 1) log.refused(REFUSAL);
      for (let count = 0; count < 1000; count += 1) {
        log.refused({ ...REFUSAL, principal: `user${count}` });
      }
      log.changed(CHANGE, { isDerived: true });
    }
    await using log = await openLog(folder.path, clock);
    const { entries } = await log.read({ limit: 10_000 });
    assert(entries.length <= 2 * LIMITS.auditKindsMax + 3, `${entries.length} lines`);
    assert.equal(entries.filter(({ operation }) => operation === 'filesPost').length, 1);
    const all = entries.filter(({ code }) => code === 'forbidden');
    const total = all.reduce((sum, { repeats }) => sum + (repeats ?? 1), 0);
    assert.equal(total, 2000);
  });

  it('tells of a principal, since a time, page by page, and goes on where a page ended', async () => {
    await using folder = await temporaryDirectory();
    const clock = new ManualClock();
    await using log = await openLog(folder.path, clock);
    for (const principal of ['alice', 'bob', 'alice']) {
      clock.advance(1000);
      log.changed({ ...CHANGE, principal }, { isDerived: true });
    }
    const first = await log.read({ limit: 1, principal: 'alice' });
    assert.deepEqual([first.entries.length, first.more], [1, true]);
    const second = await log.read({ limit: 1, principal: 'alice', cursor: first.cursor });
    assert.equal(second.entries[0]?.timeMs, clock.nowMs);
    const end = await log.read({ limit: 9, cursor: second.cursor });
    assert.deepEqual([end.entries, end.more], [[], false]);
    log.changed(CHANGE, { isDerived: true });
    assert.equal((await log.read({ limit: 9, cursor: end.cursor })).entries.length, 1);
    assert.equal((await log.read({ limit: 9, sinceMs: clock.nowMs })).entries.length, 2);
  });

  it('removes the oldest files when there are too many', async () => {
    await using folder = await temporaryDirectory();
    await using log = await openLog(folder.path);
    const detail = 'x'.repeat(1_000_000);
    const files = LIMITS.auditFilesMax + 3;
    for (let count = 0; count < (files * LIMITS.auditFileBytesMax) / 1_000_000; count += 16) {
      for (let line = 0; line < 16; line += 1) {
        log.changed({ ...CHANGE, detail }, { isDerived: true });
      }
      await log.flush();
    }
    assert((await readdir(folder.path)).length <= LIMITS.auditFilesMax);
  });
});
