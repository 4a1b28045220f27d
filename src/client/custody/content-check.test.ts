import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, sha256 } from '../../base/digest.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { LogKind } from '../../format/generated/gdpfs_pb.js';
import type { PreparedPart } from '../../format/prepared-commit.ts';
import {
  decodeMeta,
  encodeFchunk,
  encodeFileMeta,
  encodeRecord,
  logName,
} from '../../format/records.ts';
import { ContentCheck } from './content-check.ts';

const DATA = Uint8Array.of(1, 2, 3);
const FCHUNK = encodeFchunk({ offset: 0, length: 3, checksum: crc32(DATA), digest: sha256(DATA) });
const ASKED = { from: 'data', data: DATA, digest: sha256(DATA) } as const;

function metaWith(nonce: number): Uint8Array {
  return encodeFileMeta({
    nonce: new Uint8Array(16).fill(nonce),
    createdMs: 1e12,
    chunkSize: 262_144,
  });
}

function partOf(meta: Uint8Array): PreparedPart {
  const log = logName(meta);
  return { log, firstSeq: 0, frontier: new Uint8Array(0), records: [meta, FCHUNK] };
}

test('ContentCheck takes file logs that were made together, each under its own name', () => {
  const metas = [1, 1, 2, 0].map(metaWith);
  const check = new ContentCheck(metas.map(partOf));
  for (const meta of metas) {
    const { pin, size } = check.pinned(ASKED, undefined);
    assert.deepEqual(pin.log, logName(meta));
    assert.equal(size, 3);
  }
  check.end();
});

test('ContentCheck refuses a log whose first record is another than those before, wherever it differs', () => {
  const good = metaWith(1);
  const { $typeName: _, ...meta } = decodeMeta(good, LogKind.FILE);
  const other = encodeRecord({ case: 'meta', value: { ...meta, kind: LogKind.DIRECTORY } });
  const shorter = encodeRecord({ case: 'meta', value: { ...meta, nonce: new Uint8Array(15) } });
  const bad = [other, shorter, FCHUNK, good.subarray(0, -1)];
  // One bit in front of the nonce or behind it; what it makes of the record must be judged alone.
  for (const at of good.keys()) {
    const changed = good.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    if (!isFileMeta(changed)) bad.push(changed);
  }
  assert(bad.length > 6);
  for (const record of bad) {
    const check = new ContentCheck([partOf(good), partOf(record)]);
    check.pinned(ASKED, undefined);
    assert.throws(
      () => check.pinned(ASKED, undefined),
      (error) => isGdpfsError(error, 'untrusted'),
    );
  }
});

function isFileMeta(record: Uint8Array): boolean {
  try {
    decodeMeta(record, LogKind.FILE);
    return true;
  } catch (error) {
    assert(isGdpfsError(error, 'corrupt'), String(error));
    return false;
  }
}
