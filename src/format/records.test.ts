import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { HashAlgorithm, LogKind, NodeKind } from './generated/gdpfs_pb.js';
import type { Chunk } from './manifest.ts';
import type { RecordInit } from './record-encoder.ts';
import {
  decodeFchunk,
  decodeMeta,
  decodeRecord,
  encodeFchunk,
  encodeFileMeta,
  encodeRecord,
  FORMAT_VERSION,
  logName,
  NONCE_BYTES,
  safeInteger,
} from './records.ts';

const NONCE = new Uint8Array(NONCE_BYTES).fill(7);
const DIGEST = sha256(Uint8Array.of(1));
const META = {
  version: FORMAT_VERSION,
  kind: LogKind.FILE,
  hash: HashAlgorithm.SHA256,
  nonce: NONCE,
  chunkSize: 4096,
};
const DENTRY: RecordInit = {
  case: 'dentry',
  value: { parent: 3n, name: 'ä', kind: NodeKind.FILE, size: 5n, author: 'alice', mode: 0o644 },
};

describe('encodeRecord()', () => {
  it('writes what decodeRecord() reads, of every kind', () => {
    const bodies: RecordInit[] = [
      DENTRY,
      { case: 'meta', value: META },
      { case: 'fchunk', value: { offset: 1n, length: 2, checksum: 3, digest: DIGEST } },
      { case: 'volume', value: { policy: Uint8Array.of(1), ownerSignature: Uint8Array.of(2) } },
      { case: 'system', value: { body: { case: 'principal', value: { name: 'bob' } } } },
    ];
    for (const body of bodies) {
      const found = decodeRecord(encodeRecord(body));
      assert.equal(found.case, body.case);
      assert.partialDeepStrictEqual(found.value, body.value);
    }
  });

  it('refuses a record over the limit, as decodeRecord() does', () => {
    const symlink = (length: number): RecordInit => ({
      case: 'dentry',
      value: { kind: NodeKind.SYMLINK, target: 'x'.repeat(length) },
    });
    const overhead = encodeRecord(symlink(60_000)).length - 60_000;
    const largest = encodeRecord(symlink(LIMITS.recordBytesMax - overhead));
    assert.equal(largest.length, LIMITS.recordBytesMax);
    assert.equal(decodeRecord(largest).case, 'dentry');
    assert.throws(
      () => encodeRecord(symlink(LIMITS.recordBytesMax - overhead + 1)),
      (error) => isGdpfsError(error, 'bad_request'),
    );
    assertCorrupt(() => decodeRecord(concatBytes([largest, new Uint8Array(1)])));
  });
});

describe('decodeRecord()', () => {
  it('refuses a record without a known body', () => {
    const unknownField = Uint8Array.of((99 << 3) | 2, 0x06, 1, 0);
    for (const bytes of [new Uint8Array(0), unknownField]) assertCorrupt(() => decodeRecord(bytes));
  });

  it('survives any bytes: it decodes them or says corrupt', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        assertDecodesOrCorrupt(() => decodeRecord(bytes));
      }),
    );
  });

  it('survives every truncation and flipped bit of a record', () => {
    const encoded = encodeRecord(DENTRY);
    for (const damaged of [...truncations(encoded), ...bitFlips(encoded)]) {
      assertDecodesOrCorrupt(() => decodeRecord(damaged));
    }
  });

  it('survives groups that are nested deeply', () => {
    const open = new Uint8Array(LIMITS.recordBytesMax).fill((15 << 3) | 3);
    assertDecodesOrCorrupt(() => decodeRecord(open));
  });
});

describe('encodeFileMeta()', () => {
  it('writes a meta record of a file log, named by its digest', () => {
    const bytes = encodeFileMeta({
      nonce: NONCE,
      createdMs: 1_800_000_000_000,
      chunkSize: 262_144,
    });
    const meta = decodeMeta(bytes, LogKind.FILE);
    assert.equal(meta.chunkSize, 262_144);
    assert.equal(meta.createdMs, 1_800_000_000_000n);
    assert.deepEqual(meta.nonce, NONCE);
    assert.deepEqual(logName(bytes), sha256(bytes));
  });
});

describe('decodeMeta()', () => {
  const wrong: Readonly<Record<string, RecordInit>> = {
    'another version': { case: 'meta', value: { ...META, version: FORMAT_VERSION + 1 } },
    'no version': { case: 'meta', value: { ...META, version: 0 } },
    'another hash': { case: 'meta', value: { ...META, hash: HashAlgorithm.UNSPECIFIED } },
    'another kind of log': { case: 'meta', value: { ...META, kind: LogKind.DIRECTORY } },
    'a short nonce': { case: 'meta', value: { ...META, nonce: NONCE.subarray(1) } },
    'a long nonce': { case: 'meta', value: { ...META, nonce: concatBytes([NONCE, NONCE]) } },
    'another record': DENTRY,
  };
  for (const [what, body] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => {
      assertCorrupt(() => decodeMeta(encodeRecord(body), LogKind.FILE));
    });
  }

  it('takes fields that a later version adds', () => {
    const record = encodeRecord({ case: 'meta', value: META });
    // Field 1 (meta), its length one larger by two bytes: field 15, a varint.
    const extended = concatBytes([record, Uint8Array.of(15 << 3, 1)]);
    extended[1] = (extended[1] ?? 0) + 2;
    assert.equal(decodeMeta(extended, LogKind.FILE).chunkSize, META.chunkSize);
  });
});

describe('fchunk', () => {
  const chunks = fc.record<Chunk>(
    {
      offset: fc.nat(Number.MAX_SAFE_INTEGER - LIMITS.chunkBytesMax),
      length: fc.integer({ min: 1, max: LIMITS.chunkBytesMax }),
      checksum: fc.nat(2 ** 32 - 1),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    },
    { noNullPrototype: true },
  );

  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(chunks, (chunk) => {
        assert.deepEqual(decodeFchunk(encodeFchunk(chunk)), chunk);
      }),
    );
  });

  it('of length 0 has no digest', () => {
    const end = { offset: 12, length: 0, checksum: 0, digest: DIGEST };
    assert.deepEqual(decodeFchunk(encodeFchunk(end)), { ...end, digest: new Uint8Array(0) });
  });

  const max = BigInt(Number.MAX_SAFE_INTEGER);
  const wrong: Readonly<Record<string, RecordInit>> = {
    'a negative offset': fchunk({ offset: -1n }),
    'an offset over 2^53': fchunk({ offset: max + 1n }),
    'an end over 2^53': fchunk({ offset: max - 4n, length: 5 }),
    'a chunk over the limit': fchunk({ length: LIMITS.chunkBytesMax + 1 }),
    'a short digest': fchunk({ digest: DIGEST.subarray(1) }),
    'no digest': fchunk({ digest: new Uint8Array(0) }),
    'a digest of nothing': fchunk({ length: 0, digest: DIGEST }),
    'another record': DENTRY,
  };
  for (const [what, body] of Object.entries(wrong)) {
    it(`is refused with ${what}`, () => {
      assertCorrupt(() => decodeFchunk(encodeRecord(body)));
    });
  }

  it('survives every truncation and flipped bit', () => {
    const encoded = encodeFchunk({ offset: 300, length: 70_000, checksum: 9, digest: DIGEST });
    for (const damaged of [...truncations(encoded), ...bitFlips(encoded)]) {
      assertDecodesOrCorrupt(() => decodeFchunk(damaged));
    }
  });
});

describe('safeInteger()', () => {
  it('takes 0 to 2^53 - 1', () => {
    assert.equal(safeInteger(0n, 'x'), 0);
    assert.equal(safeInteger(2n ** 53n - 1n, 'x'), Number.MAX_SAFE_INTEGER);
    for (const value of [-1n, 2n ** 53n, 2n ** 64n]) assertCorrupt(() => safeInteger(value, 'x'));
  });
});

function fchunk(value: Extract<RecordInit, { case: 'fchunk' }>['value']): RecordInit {
  return {
    case: 'fchunk',
    value: { offset: 0n, length: 5, checksum: 1, digest: DIGEST, ...value },
  };
}

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}

function assertDecodesOrCorrupt(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    assert(isGdpfsError(error, 'corrupt'), String(error));
  }
}
