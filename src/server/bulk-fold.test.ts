import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { copyBytes } from '../base/bytes.ts';
import { crc32, sha256, sharedBytes } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { prepareFile } from '../fs/prepare.ts';
import { decodeHeads, type EntryHead, type PackEntry } from '../wire/entry-pack.ts';
import { encodeEntryPack } from '../wire/entry-pack-writer.ts';
import { encodeTar } from '../wire/tar-writer.ts';
import { type BulkJob, foldBulk, type FoldedBulk } from './bulk-fold.ts';
import { BulkLogs } from './bulk-logs.ts';
import { foldBulkAside } from './bulk-threads.ts';

const COMMON = { mode: 0o640, mtimeUs: -1_500_000 };
const KEY = new Uint8Array(32).fill(5);

const ENCODERS = { tar: encodeTar, pack: encodeEntryPack } as const;
const FORMS = ['tar', 'pack'] as const;

function shared(bytes: Uint8Array): Uint8Array {
  const memory = sharedBytes(bytes.length);
  copyBytes(bytes, memory, 0);
  return memory;
}

function headsOf({ heads }: FoldedBulk): readonly EntryHead[] {
  // A copy: shared memory is no memory of one's own to assert.
  return decodeHeads(Uint8Array.from(heads));
}

function fileOf(data: Uint8Array, path = 'f'): PackEntry {
  return { ...COMMON, kind: 'file', path, data, digest: sha256(data) };
}

const CASES = FORMS.flatMap((form) => [
  { form, byContent: undefined },
  { form, byContent: { mode: 'cdc', key: KEY } as const },
]);

for (const { form, byContent } of CASES) {
  test(`foldBulk() makes file logs that add up to their roots, of a ${form}, ${byContent?.mode ?? 'fixed'}`, async () => {
    const largest = form === 'tar' ? 700_000 : LIMITS.smallFileBytesMax;
    const contents = [0, 1, 511, 4096, largest].map((size) => randomBytes(size));
    const entries = contents.map((data, index) => fileOf(data, `f${index}`));
    const reference = { size: 9, checksum: 7, digest: sha256(Uint8Array.of(1)) };
    entries.push({ ...COMMON, kind: 'reference', path: 'r', ...reference });
    const body = shared(ENCODERS[form](entries));
    const job: BulkJob = { form, body, createdMs: 1, ...(byContent && { byContent }) };
    const folded = await foldBulkAside(job);
    const logs = new BulkLogs(folded.logs);
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

for (const form of FORMS) {
  test(`foldBulk() tells what every entry of a ${form} is, the same on another thread`, async () => {
    const entries: PackEntry[] = [
      { ...COMMON, kind: 'directory', path: 'd' },
      fileOf(Uint8Array.of(1, 2), 'd/"f"'),
      { ...COMMON, kind: 'symlink', path: 'd/\u{1f600}', target: '../x\ny' },
    ];
    const body = shared(ENCODERS[form](entries));
    const digest = sha256(Uint8Array.of(1, 2));
    const expected = [
      entries[0],
      { ...COMMON, kind: 'file', path: 'd/"f"', size: 2, checksum: 0, digest },
      entries[2],
    ];
    assert.deepEqual(headsOf(await foldBulkAside({ form, body, createdMs: 1 })), expected);
    assert.deepEqual(headsOf(foldBulk({ form, body, createdMs: 1 })), expected);
  });
}

const MANY = Array.from({ length: LIMITS.tarFilesMax + 1 }, (_, index) =>
  fileOf(Uint8Array.of(1), `f${10_000 + index}`),
);

for (const form of FORMS) {
  test(`foldBulkAside() throws what is wrong with a ${form} as foldBulk() does`, async () => {
    const data = new Uint8Array(5000).fill(7);
    const good = ENCODERS[form]([fileOf(data)]);
    const changed = Uint8Array.from(good);
    const at = Buffer.from(good).indexOf(data) + 77;
    changed[at] = (changed[at] ?? 0) ^ 1;
    const bodies = [changed, good.slice(0, 1000), ENCODERS[form](MANY)];
    const codes = ['bad_chunk', 'bad_request', 'body_too_large'];
    for (const [index, bytes] of bodies.entries()) {
      const job: BulkJob = { form, body: shared(bytes), createdMs: 1 };
      let error: unknown;
      assert.throws(
        () => foldBulk(job),
        (thrown) => {
          error = thrown;
          return isGdpfsError(thrown) && thrown.code === codes[index];
        },
      );
      await assert.rejects(foldBulkAside(job), (thrown) => {
        assert(isGdpfsError(thrown) && isGdpfsError(error));
        assert.deepEqual([thrown.code, thrown.message], [error.code, error.message]);
        assert.deepEqual(thrown.details, error.details);
        return true;
      });
    }
  });
}
