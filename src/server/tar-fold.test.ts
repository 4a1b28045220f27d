import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { copyBytes } from '../base/bytes.ts';
import { crc32, sha256, sharedBytes } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { prepareFile } from '../fs/prepare.ts';
import type { TarEntry } from '../wire/tar.ts';
import { encodeTar } from '../wire/tar-writer.ts';
import type { EntryHead, FoldedTar, TarJob } from './tar-fold.ts';
import { foldTar } from './tar-fold.ts';
import { TarLogs } from './tar-logs.ts';
import { foldTarAside } from './tar-threads.ts';

const COMMON = { mode: 0o640, mtimeUs: -1_500_000 };
const KEY = new Uint8Array(32).fill(5);

function sharedTar(entries: readonly TarEntry[]): Uint8Array {
  const tar = encodeTar(entries);
  const shared = sharedBytes(tar.length);
  copyBytes(tar, shared, 0);
  return shared;
}

function headsOf({ heads }: FoldedTar): readonly EntryHead[] {
  return JSON.parse(Buffer.from(heads).toString()) as EntryHead[];
}

function fileOf(data: Uint8Array, path = 'f'): TarEntry {
  return { ...COMMON, kind: 'file', path, data, digest: sha256(data) };
}

for (const byContent of [undefined, { mode: 'cdc', key: KEY } as const]) {
  test(`foldTar() makes file logs that add up to their roots, ${byContent?.mode ?? 'fixed'}`, async () => {
    const contents = [0, 1, 511, 4096, 700_000].map((size) => randomBytes(size));
    const entries = contents.map((data, index) => fileOf(data, `f${index}`));
    const reference = { size: 9, checksum: 7, digest: sha256(Uint8Array.of(1)) };
    entries.push({ ...COMMON, kind: 'reference', path: 'r', ...reference });
    const body = sharedTar(entries);
    const folded = await foldTarAside({ body, createdMs: 1, ...(byContent && { byContent }) });
    const logs = new TarLogs(folded.logs);
    for (const data of contents) {
      const { place, file } = logs.next();
      const { made, records } = file;
      assert.deepEqual(body.subarray(place, place + data.length), new Uint8Array(data));
      for (const { offset, length, checksum, digest } of made.chunks) {
        const bytes = data.subarray(offset, offset + length);
        assert.deepEqual([checksum, digest], [crc32(bytes), sha256(bytes)]);
      }
      // What a client's records would have to go through.
      const { root, content } = made;
      const { isOwn: _, ...read } = prepareFile({ records, root, content });
      const { isOwn, ...kept } = prepareFile(file);
      assert.equal(isOwn, true);
      assert.deepEqual(kept, read);
    }
    const { made } = logs.next().file;
    assert.deepEqual(
      [made.size, made.chunks],
      [9, [{ offset: 0, length: 9, ...reference }].map(chunk)],
    );
  });
}

function chunk({ offset, length, checksum, digest }: Record<string, unknown>): unknown {
  return { offset, length, checksum, digest };
}

test('foldTar() tells what every entry is, the same on another thread', async () => {
  const entries: TarEntry[] = [
    { ...COMMON, kind: 'directory', path: 'd' },
    { ...COMMON, kind: 'symlink', path: 'd/\u{1f600}', target: '../x\ny' },
    fileOf(Uint8Array.of(1, 2), 'd/"f"'),
  ];
  const body = sharedTar(entries);
  const digest = Buffer.from(sha256(Uint8Array.of(1, 2))).toString('base64');
  const expected = [
    ['directory', 'd', 0o640, -1_500_000],
    ['symlink', 'd/\u{1f600}', 0o640, -1_500_000, '../x\ny'],
    ['file', 'd/"f"', 0o640, -1_500_000, digest],
  ];
  assert.deepEqual(headsOf(await foldTarAside({ body, createdMs: 1 })), expected);
  assert.deepEqual(headsOf(foldTar({ body, createdMs: 1 })), expected);
});

test('foldTarAside() throws what is wrong with a body as foldTar() does', async () => {
  const good = sharedTar([fileOf(randomBytes(5000))]);
  const changed = Uint8Array.from(good);
  changed[3 * 512 + 77] = (changed[3 * 512 + 77] ?? 0) ^ 1;
  const many = Array.from({ length: LIMITS.tarFilesMax + 1 }, (_, index) =>
    fileOf(Uint8Array.of(1), `f${index}`),
  );
  const bodies = [changed, good.slice(0, 1000), encodeTar(many)];
  const codes = ['bad_chunk', 'bad_request', 'body_too_large'];
  for (const [index, bytes] of bodies.entries()) {
    const body = sharedBytes(bytes.length);
    copyBytes(bytes, body, 0);
    const job: TarJob = { body, createdMs: 1 };
    let error: unknown;
    assert.throws(
      () => foldTar(job),
      (thrown) => {
        error = thrown;
        return isGdpfsError(thrown) && thrown.code === codes[index];
      },
    );
    await assert.rejects(foldTarAside(job), (thrown) => {
      assert(isGdpfsError(thrown) && isGdpfsError(error));
      assert.deepEqual([thrown.code, thrown.message], [error.code, error.message]);
      assert.deepEqual(thrown.details, error.details);
      return true;
    });
  }
});
