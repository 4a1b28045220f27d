import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  type Commit,
  decodeCommit,
  decodePartRecords,
  decodeRecords,
  decodeResults,
  encodeCommit,
  encodeRecords,
  encodeResults,
  type RequestResult,
} from './commit.ts';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const records = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 });
const commits = fc.record<Commit>(
  {
    volume: digest,
    epoch: fc.maxSafeNat(),
    firstSeq: fc.maxSafeNat(),
    previous: digest,
    records,
    parts: fc.array(
      fc.record({ log: digest, firstSeq: fc.maxSafeNat(), records }, { noNullPrototype: true }),
      { maxLength: 4 },
    ),
    checkpoint: fc.uint8Array({ maxLength: 200 }),
  },
  { noNullPrototype: true },
);
const results = fc.array(
  fc.record<RequestResult>(
    {
      principal: fc.string({ maxLength: 16, unit: 'grapheme-ascii' }),
      id: fc.string({ maxLength: 64, unit: 'grapheme-ascii' }),
      fingerprint: digest,
      timeMs: fc.maxSafeNat(),
      body: fc.uint8Array({ maxLength: 100 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 4 },
);

describe('commit', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const { bytes, places } = encodeCommit(commit, commit.checkpoint);
        assert.deepEqual(decodeCommit(bytes), { ...commit, places });
      }),
    );
  });

  it('says where the records of each part can be read alone', () => {
    fc.assert(
      fc.property(commits, (commit) => {
        const { bytes, places } = encodeCommit(commit, commit.checkpoint);
        assert.equal(places.length, commit.parts.length);
        for (const [index, { offset, length }] of places.entries()) {
          const found = decodePartRecords(bytes.subarray(offset, offset + length));
          assert.deepEqual(found, commit.parts[index]?.records);
        }
      }),
    );
  });

  const { bytes: ENCODED } = encodeCommit(
    {
      volume: new Uint8Array(32).fill(1),
      epoch: 1,
      firstSeq: 7,
      previous: new Uint8Array(32).fill(2),
      records: [Uint8Array.of(1, 2), new Uint8Array(0)],
      parts: [{ log: new Uint8Array(32).fill(3), firstSeq: 0, records: [Uint8Array.of(4)] }],
    },
    new Uint8Array(20).fill(5),
  );

  it('is refused when cut or continued', () => {
    for (const damaged of [...truncations(ENCODED), concatBytes([ENCODED, Uint8Array.of(0)])]) {
      assertCorrupt(() => decodeCommit(damaged));
    }
  });

  it('survives flipped bits: it is refused, or is exactly what the bytes say', () => {
    for (const damaged of bitFlips(ENCODED)) {
      try {
        const commit = decodeCommit(damaged);
        assert.deepEqual(encodeCommit(commit, commit.checkpoint).bytes, damaged);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt'));
      }
    }
  });

  it('is refused if it claims more than it has, before anything is allocated', () => {
    const head = new ByteWriter().bytes(new Uint8Array(32)).uint64(0).uint64(0);
    head.bytes(new Uint8Array(32));
    for (const count of [1, 1000, 2 ** 32 - 1]) {
      const bytes = concatBytes([head.finish(), new ByteWriter().uint32(count).finish()]);
      assertCorrupt(() => decodeCommit(bytes));
    }
  });

  it('is refused with a record or a checkpoint over its limit', () => {
    const base = decodeCommit(ENCODED);
    const record = new Uint8Array(LIMITS.recordBytesMax + 1);
    const note = new Uint8Array(LIMITS.checkpointBytesMax + 1);
    assertCorrupt(() => decodeCommit(encodeCommit({ ...base, records: [record] }, note).bytes));
    assertCorrupt(() => decodeCommit(encodeCommit(base, note).bytes));
    const { bytes } = encodeCommit({ ...base, records: [record.subarray(1)] }, note.subarray(1));
    assert.equal(decodeCommit(bytes).records[0]?.length, LIMITS.recordBytesMax);
  });
});

describe('request results', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(results, (list) => {
        assert.deepEqual(decodeResults(encodeResults(list)), list);
      }),
    );
  });

  const ENCODED = encodeResults([
    {
      principal: 'älice',
      id: 'r-1',
      fingerprint: new Uint8Array(32).fill(1),
      timeMs: 5,
      body: Uint8Array.of(0x7b, 0x7d),
    },
  ]);

  it('are refused when cut or continued', () => {
    for (const damaged of [...truncations(ENCODED), concatBytes([ENCODED, Uint8Array.of(0)])]) {
      assertCorrupt(() => decodeResults(damaged));
    }
  });

  it('survive flipped bits: they are refused, or are exactly what the bytes say', () => {
    for (const damaged of bitFlips(ENCODED)) {
      try {
        assert.deepEqual(encodeResults(decodeResults(damaged)), damaged);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt'));
      }
    }
  });
});

describe('record list', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(records, (list) => {
        assert.deepEqual(decodeRecords(encodeRecords(list), list.length), list);
      }),
    );
  });

  it('is refused if a record is cut', () => {
    const encoded = encodeRecords([Uint8Array.of(1, 2, 3), new Uint8Array(5)]);
    const ends = new Set([0, 7, 16]);
    for (const cut of truncations(encoded)) {
      if (ends.has(cut.length)) assert.doesNotThrow(() => decodeRecords(cut, 2));
      else assertCorrupt(() => decodeRecords(cut, 2));
    }
  });

  it('is refused if it has more records than were allowed', () => {
    const encoded = encodeRecords([new Uint8Array(0), new Uint8Array(0)]);
    assert.equal(decodeRecords(encoded, 2).length, 2);
    assert.throws(
      () => decodeRecords(encoded, 1),
      (error) => isGdpfsError(error, 'bad_request'),
    );
  });

  it('survives flipped bits: it is refused, or is exactly what the bytes say', () => {
    for (const damaged of bitFlips(encodeRecords([Uint8Array.of(1, 2, 3), new Uint8Array(2)]))) {
      try {
        assert.deepEqual(encodeRecords(decodeRecords(damaged, 10)), damaged);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt', 'bad_request'));
      }
    }
  });
});

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}
