import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { LogFixture, newLog } from '../../test/support/log-fixture.ts';
import { outcome } from '../../test/support/store.ts';
import { bytesEqual, hexEncode, utf8Encode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ZERO_DIGEST } from '../format/commit.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { encodeFchunk, encodeFileMeta, logName } from '../format/records.ts';

function chunkOf(text: string): { readonly data: Uint8Array; readonly digest: Uint8Array } {
  const data = utf8Encode(text);
  return { data, digest: sha256(data) };
}

function hexOf(records: readonly Uint8Array[]): string[] {
  return records.map((record) => hexEncode(record));
}

function fchunk(offset: number): Uint8Array {
  return encodeFchunk({ offset, length: 1, checksum: 0, digest: sha256(utf8Encode('x')) });
}

/** A file log's first records. */
function fileLog(nonce: number): { readonly log: Uint8Array; readonly records: Uint8Array[] } {
  const meta = encodeFileMeta({
    nonce: new Uint8Array(16).fill(nonce),
    createdMs: 0,
    chunkSize: 1024,
  });
  return { log: logName(meta), records: [meta, fchunk(0)] };
}

describe('LogEngine.run()', () => {
  it('commits the changes of one turn together', async () => {
    await using fixture = await LogFixture.open();
    const seqs = await Promise.all([fixture.run('a', 'b'), fixture.run('c'), fixture.run('d')]);
    assert.deepEqual(seqs, [3, 4, 5]);
    assert.deepEqual(fixture.names(), ['a', 'b', 'c', 'd']);
    assert.deepEqual((await fixture.verify()).counts, [2, 4]);
  });

  it('leaves no trace of a change that is refused, and keeps those around it', async () => {
    await using fixture = await LogFixture.open();
    const { log, records } = fileLog(1);
    const refused = async (): Promise<unknown> =>
      fixture.engine.run((transaction) => {
        transaction.appendPart(fixture.id, { log, firstSeq: 0, records });
        fixture.append(transaction, 'x', 'y');
        throw new GdpfsError('exists', 'cannot do it');
      });
    const accepted = async (): Promise<unknown> =>
      fixture.engine.run((transaction) => {
        transaction.appendPart(fixture.id, { log, firstSeq: 0, records: records.slice(0, 1) });
        fixture.append(transaction, 'c');
      });
    const unfoldable = async (): Promise<unknown> => fixture.run('z', 'unfoldable');
    const outcomes = await Promise.all([
      outcome(fixture.run('a')),
      outcome(refused()),
      outcome(fixture.run('b')),
      outcome(unfoldable()),
      outcome(accepted()),
    ]);
    assert.deepEqual(outcomes, ['ok', 'exists', 'ok', 'corrupt', 'ok']);
    assert.deepEqual(fixture.names(), ['a', 'b', 'c']);
    const kept = await fixture.engine.readFileLog(fixture.id, log, 1);
    assert.deepEqual(hexOf(kept), hexOf(records.slice(0, 1)));
    assert.equal(fixture.engine.fileLogCount(fixture.id, log), 1);
    assert.deepEqual((await fixture.verify()).counts, [2, 3]);
    await fixture.reopen(true);
    assert.deepEqual(fixture.names(), ['a', 'b', 'c']);
  });

  it('writes nothing for changes that append nothing', async () => {
    await using fixture = await LogFixture.open();
    assert.equal(await fixture.engine.run(() => 'nothing'), 'nothing');
    assert.deepEqual((await fixture.verify()).counts, [2]);
  });

  it('puts changes that do not fit into one commit into several', async () => {
    await using fixture = await LogFixture.open();
    const count = Math.floor(LIMITS.commitRecordsMax * 0.6);
    const many = async (letter: string): Promise<number> =>
      fixture.run(...Array.from({ length: count }, () => letter));
    await Promise.all([many('a'), many('b'), fixture.run('c')]);
    const { counts } = await fixture.verify();
    assert.deepEqual(counts, [2, count, count + 1]);
  });

  it('refuses a change that is too large for a commit, and goes on', async () => {
    await using fixture = await LogFixture.open();
    const names = Array.from({ length: LIMITS.commitRecordsMax + 1 }, () => 'x');
    const outcomes = await Promise.all([
      outcome(fixture.run('a')),
      outcome(fixture.run(...names)),
      outcome(fixture.run('b')),
    ]);
    assert.deepEqual(outcomes, ['ok', 'body_too_large', 'ok']);
    assert.deepEqual(fixture.names(), ['a', 'b']);
  });

  it('shows pending state to later changes of the batch, and to readers only what is durable', async () => {
    await using fixture = await LogFixture.open();
    const count = (database: DatabaseSync): number =>
      Number(database.prepare('SELECT count(*) AS n FROM name').get()?.['n']);
    const [, seen] = await Promise.all([
      fixture.run('a'),
      fixture.engine.run(({ database }) => [count(database), count(fixture.opened.reader)]),
    ]);
    assert.deepEqual(seen, [1, 0]);
  });

  it('never lets time run backwards in a log', async () => {
    await using fixture = await LogFixture.open();
    for (const [name, nowMs] of [
      ['a', 5_000_000],
      ['b', 3_000_000],
      ['c', 6_000_000],
    ] as const) {
      fixture.nowMs = nowMs;
      await fixture.run(name);
    }
    const { timesMs } = await fixture.verify();
    assert.deepEqual(timesMs, [1_000_000, 5_000_000, 5_000_000, 6_000_000]);
    const counts = [999_999, 1_000_000, 4_999_999, 5_000_000, 7_000_000].map((timeMs) =>
      fixture.engine.countAt(fixture.id, timeMs),
    );
    assert.deepEqual(counts, [0, 2, 2, 4, 5]);
  });

  it('refuses the changes of a log whose key is missing, and not those beside them', async () => {
    await using fixture = await LogFixture.open();
    fixture.keys.remove(fixture.log);
    await fixture.reopen();
    const { state, records } = newLog(fixture.keys);
    const other = async (): Promise<unknown> =>
      fixture.engine.run((transaction) => transaction.createLog(state, records));
    const outcomes = await Promise.all([outcome(fixture.run('a')), outcome(other())]);
    assert.deepEqual(outcomes, ['read_only', 'ok']);
    assert.deepEqual(fixture.names(), []);
    assert.equal(fixture.engine.volumes.byName(state.name)?.count, 2);
  });
});

describe('file logs', () => {
  it('are written once, and go on only where they end', async () => {
    await using fixture = await LogFixture.open();
    const { log, records } = fileLog(1);
    const add = async (firstSeq: number, added: readonly Uint8Array[]): Promise<unknown> =>
      fixture.engine.run((transaction) => {
        transaction.appendPart(fixture.id, { log, firstSeq, records: added });
        fixture.append(transaction, `from ${firstSeq}`);
      });
    const third = [fchunk(1)];
    const outcomes = await Promise.all([
      outcome(add(1, third)),
      outcome(add(0, records)),
      outcome(add(0, records)),
      outcome(add(2, third)),
      outcome(add(2, third)),
      outcome(add(4, third)),
    ]);
    assert.deepEqual(outcomes, ['busy', 'ok', 'bad_request', 'ok', 'busy', 'busy']);
    for (const rebuild of [undefined, false, true]) {
      if (rebuild !== undefined) await fixture.reopen(rebuild);
      assert.equal(await outcome(add(2, third)), 'busy');
      const read = await fixture.engine.readFileLog(fixture.id, log, 3);
      assert.deepEqual(hexOf(read), hexOf([...records, ...third]));
      const { length } = await fixture.engine.readFileLog(fixture.id, log, 2);
      assert.equal(length, 2);
      const tooMany = fixture.engine.readFileLog(fixture.id, log, 4);
      assert.equal(await outcome(tooMany), 'corrupt');
    }
  });
});

describe('chunks', () => {
  it('are there once they are durable, more than wait for the index too, also after a restart', async () => {
    await using fixture = await LogFixture.open();
    const appended = Array.from({ length: 90 }, (_, part) =>
      Array.from({ length: 100 }, (__, index) => chunkOf(`chunk ${part} ${index}`)),
    );
    await Promise.all(appended.map((part) => fixture.engine.appendChunks(fixture.log, part)));
    const chunks = appended.flatMap((part, index) => part.slice(index, index + 10));
    for (const rebuild of [undefined, false, true]) {
      if (rebuild !== undefined) await fixture.reopen(rebuild);
      for (const { data, digest } of chunks) {
        const chunk = { offset: 0, length: data.length, checksum: crc32(data), digest };
        const read = await fixture.engine.chunkReader.read(fixture.id, chunk);
        assert(bytesEqual(read, data));
      }
      assert.equal(fixture.engine.chunks.isEmpty(fixture.id), false);
    }
  });

  it('that wait for their file while others are committed are there after a kill', async () => {
    await using fixture = await LogFixture.open();
    const waiting = chunkOf('waiting');
    // The file log names it.
    const used = chunkOf('x');
    const { log, records } = fileLog(1);
    await fixture.engine.appendChunks(fixture.log, [waiting]);
    await fixture.run('a');
    await fixture.engine.appendChunks(fixture.log, [used]);
    await fixture.engine.run((transaction) => {
      transaction.useChunk(fixture.id, used.digest);
      transaction.appendPart(fixture.id, { log, firstSeq: 0, records });
      fixture.append(transaction, 'b');
    });
    const place = fixture.engine.chunks.find(fixture.id, waiting.digest);
    await using killed = await fixture.openKilled();
    const { chunks } = killed.engine;
    assert.deepEqual(chunks.lookUp(fixture.id, waiting.digest), { location: place, used: false });
    assert.equal(chunks.lookUp(fixture.id, used.digest)?.used, true);
    const read = await killed.engine.readFileLog(fixture.id, log, 2);
    assert.deepEqual(hexOf(read), hexOf(records));
    const names = killed.reader.prepare('SELECT name FROM name ORDER BY seq').all();
    assert.deepEqual(
      names.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('that are not stored, or not what is expected, are corrupt', async () => {
    await using fixture = await LogFixture.open();
    const { data, digest } = chunkOf('data');
    await fixture.engine.appendChunks(fixture.log, [{ data, digest }]);
    const good = { offset: 0, length: 4, checksum: crc32(data), digest };
    const read = async (chunk: typeof good) =>
      outcome(fixture.engine.chunkReader.read(fixture.id, chunk));
    assert.equal(await read(good), 'ok');
    assert.equal(await read({ ...good, checksum: 1 }), 'corrupt');
    assert.equal(await read({ ...good, length: 3 }), 'corrupt');
    assert.equal(await read({ ...good, digest: sha256(digest) }), 'corrupt');
  });
});

describe('openLog()', () => {
  it('refuses a store that is open already', async () => {
    await using fixture = await LogFixture.open();
    assert.equal(await outcome(fixture.openAgain(false)), 'locked');
    await fixture.reopen();
    await fixture.run('a');
  });

  it('brings back tables, logs and answers to requests from the segments alone', async () => {
    await using fixture = await LogFixture.open();
    const request = { principal: 'alice', id: 'r', fingerprint: sha256(utf8Encode('asked')) };
    const first = await fixture.engine.run((transaction) => fixture.append(transaction, 'a', 'b'), {
      request,
    });
    const before = fixture.engine.volumes.byName(fixture.log);
    await fixture.reopen(true);
    assert.deepEqual(fixture.engine.volumes.byName(fixture.log), before);
    assert.deepEqual(fixture.names(), ['a', 'b']);
    assert.equal(fixture.engine.firstResult(request), first);
    const again = await fixture.engine.run(() => assert.fail('it ran twice'), { request });
    assert.equal(again, first);
    const other = { ...request, fingerprint: ZERO_DIGEST };
    assert.throws(() => fixture.engine.firstResult(other), { code: 'request_reused' });
  });
});

describe('fsckStore()', () => {
  it('finds a checkpoint whose state map is not that of the tree', async () => {
    await using fixture = await LogFixture.open();
    assert.deepEqual(await fixture.fsck(), []);
    // The fold of this test says that nothing is in the tree, whatever is.
    const value = { name: 'd', kind: NodeKind.DIRECTORY };
    await fixture.engine.run((transaction) => {
      transaction.append(fixture.id, { case: 'dentry', value });
    });
    assert.deepEqual(await fixture.fsck(), [
      'cannot verify commit at 2: its tree is not the one that was signed',
    ]);
  });
});
