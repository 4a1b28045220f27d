import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes, hexDecode, hexEncode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { bitFlips, flipBit, truncations } from '../../test/hostile-bytes.ts';
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  MerkleFrontier,
  merkleRoot,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

/**
 * The vectors of the Certificate Transparency reference implementation (merkle_tree_test.cc), as in
 * transparency-dev/merkle: testonly/constants.go and proof/verify_test.go.
 */
const REFERENCE_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(hex);
/** By the number of leaves. */
const REFERENCE_ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const REFERENCE_INCLUSION = [
  { index: 0, count: 1, proof: [] },
  {
    index: 0,
    count: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    count: 8,
    proof: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  {
    index: 2,
    count: 3,
    proof: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
  },
  {
    index: 1,
    count: 5,
    proof: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];
const REFERENCE_CONSISTENCY = [
  { first: 1, second: 1, proof: [] },
  {
    first: 1,
    second: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    first: 6,
    second: 8,
    proof: [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  {
    first: 2,
    second: 5,
    proof: [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
  {
    first: 6,
    second: 7,
    proof: [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
];

describe('reference vectors', () => {
  const hashes = REFERENCE_LEAVES.map(leafHash);

  it('merkleRoot() and MerkleFrontier give the published roots', () => {
    const frontier = new MerkleFrontier();
    for (const [count, root] of REFERENCE_ROOTS.entries()) {
      assert.equal(hexEncode(merkleRoot(hashes.slice(0, count))), root);
      assert.equal(hexEncode(frontier.root()), root);
      const next = hashes[count];
      if (next !== undefined) frontier.append(next);
    }
  });

  it('EMPTY_ROOT is the published root of the empty tree', () => {
    assert.equal(hexEncode(EMPTY_ROOT), REFERENCE_ROOTS[0]);
  });

  for (const { index, count, proof } of REFERENCE_INCLUSION) {
    it(`inclusionProof() of leaf ${index} in ${count} is the published one`, () => {
      assert.deepEqual(inclusionProof(hashes.slice(0, count), index).map(hexEncode), proof);
    });
  }

  for (const { first, second, proof } of REFERENCE_CONSISTENCY) {
    it(`consistencyProof() from ${first} to ${second} is the published one`, () => {
      assert.deepEqual(consistencyProof(hashes.slice(0, second), first).map(hexEncode), proof);
    });
  }
});

/** Section 2.1 of RFC 6962, word for word: slow and obviously right. */
const model = {
  split(count: number): number {
    let k = 1;
    while (k * 2 < count) k *= 2;
    return k;
  },
  mth(records: readonly Uint8Array[]): Uint8Array {
    const [record] = records;
    if (record === undefined) return sha256(new Uint8Array(0));
    if (records.length === 1) return sha256(concatBytes([Uint8Array.of(0), record]));
    const k = model.split(records.length);
    const left = model.mth(records.slice(0, k));
    const right = model.mth(records.slice(k));
    return sha256(concatBytes([Uint8Array.of(1), left, right]));
  },
  path(m: number, records: readonly Uint8Array[]): Uint8Array[] {
    if (records.length === 1) return [];
    const k = model.split(records.length);
    return m < k
      ? [...model.path(m, records.slice(0, k)), model.mth(records.slice(k))]
      : [...model.path(m - k, records.slice(k)), model.mth(records.slice(0, k))];
  },
  subproof(m: number, records: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
    if (m === records.length) return isWhole ? [] : [model.mth(records)];
    const k = model.split(records.length);
    return m <= k
      ? [...model.subproof(m, records.slice(0, k), isWhole), model.mth(records.slice(k))]
      : [...model.subproof(m - k, records.slice(k), false), model.mth(records.slice(0, k))];
  },
};

const records = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 70 });

describe('model', () => {
  it('merkleRoot() and both proofs agree with the recursive definition', () => {
    fc.assert(
      fc.property(records, fc.nat(), (leaves, choice) => {
        const hashes = leaves.map(leafHash);
        assert.deepEqual(merkleRoot(hashes), model.mth(leaves));
        const index = choice % leaves.length;
        assert.deepEqual(inclusionProof(hashes, index), model.path(index, leaves));
        const firstCount = index + 1;
        assert.deepEqual(
          consistencyProof(hashes, firstCount),
          model.subproof(firstCount, leaves, true),
        );
      }),
    );
  });
});

describe('MerkleFrontier', () => {
  it('decode() restores what encode() wrote, and both grow alike', () => {
    fc.assert(
      fc.property(records, fc.uint8Array({ minLength: 1 }), (leaves, more) => {
        const frontier = frontierOf(leaves);
        const copy = MerkleFrontier.decode(frontier.encode());
        assert.equal(copy.count, leaves.length);
        assert.deepEqual(copy.encode(), frontier.encode());
        frontier.append(leafHash(more));
        copy.append(leafHash(more));
        assert.deepEqual(copy.root(), frontier.root());
      }),
    );
  });

  it('decode() rejects every truncation and any trailing byte', () => {
    const bytes = frontierOf(REFERENCE_LEAVES.slice(0, 7)).encode();
    for (const damaged of [...truncations(bytes), concatBytes([bytes, Uint8Array.of(0)])]) {
      assert.throws(
        () => MerkleFrontier.decode(damaged),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    }
  });

  it('decode() rejects a flipped bit or gives a frontier with another encoding', () => {
    const bytes = frontierOf(REFERENCE_LEAVES.slice(0, 5)).encode();
    for (const changed of bitFlips(bytes)) {
      try {
        assert.deepEqual(MerkleFrontier.decode(changed).encode(), changed);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt'));
      }
    }
  });

  it('clone() does not share what is appended later', () => {
    const frontier = frontierOf(REFERENCE_LEAVES.slice(0, 3));
    const root = frontier.root();
    const copy = frontier.clone();
    copy.append(leafHash(Uint8Array.of(1)));
    assert.equal(frontier.count, 3);
    assert.deepEqual(frontier.root(), root);
    assert.equal(copy.count, 4);
  });

  it('append() carries over counts that do not fit 32 bits', () => {
    const ones = 33;
    const encoded = new Uint8Array(8 + 32 * ones);
    new DataView(encoded.buffer).setBigUint64(0, 2n ** BigInt(ones) - 1n);
    const frontier = MerkleFrontier.decode(encoded);
    frontier.append(leafHash(Uint8Array.of(1)));
    assert.equal(frontier.count, 2 ** ones);
    assert.equal(frontier.encode().length, 8 + 32);
  });
});

describe('verifyInclusion()', () => {
  it('accepts the proof of every leaf in every tree up to 33 leaves', () => {
    for (let count = 1; count <= 33; count += 1) {
      for (let index = 0; index < count; index += 1) {
        assert(verifyInclusion(inclusionClaim(count, index)), `leaf ${index} of ${count}`);
      }
    }
  });

  it('rejects any other leaf, index, count, root or proof', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (count, choice, bit) => {
        const claim = inclusionClaim(count, choice % count);
        const rejects = (change: Partial<typeof claim>) =>
          assert.equal(verifyInclusion({ ...claim, ...change }), false);
        rejects({ leafHash: flipBit(claim.leafHash, bit) });
        rejects({ root: flipBit(claim.root, bit) });
        rejects({ index: claim.index + 1 });
        rejects({ index: claim.index - 1 });
        rejects({ count: claim.index });
        rejects({ count: count * 2 });
        for (const proof of damagedProofs(claim.proof, bit)) rejects({ proof });
      }),
    );
  });

  it('rejects numbers that are not counts', () => {
    const claim = inclusionClaim(4, 1);
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.equal(verifyInclusion({ ...claim, index: bad }), false);
      assert.equal(verifyInclusion({ ...claim, count: bad }), false);
    }
  });

  it('works in trees of more than 2^32 leaves', () => {
    const leaf = leafHash(Uint8Array.of(1));
    const count = 2 ** 40;
    const proof = Array.from({ length: 40 }, (_, level) => leafHash(Uint8Array.of(level)));
    const root = proof.reduce((left, right) => nodeHash(left, right), leaf);
    assert(verifyInclusion({ leafHash: leaf, index: 0, count, proof, root }));
    assert.equal(verifyInclusion({ leafHash: leaf, index: 2 ** 32, count, proof, root }), false);
  });
});

describe('verifyConsistency()', () => {
  it('accepts the proof between any two trees up to 33 leaves', () => {
    for (let secondCount = 0; secondCount <= 33; secondCount += 1) {
      for (let firstCount = 0; firstCount <= secondCount; firstCount += 1) {
        const claim = consistencyClaim(firstCount, secondCount);
        assert(verifyConsistency(claim), `${firstCount} to ${secondCount}`);
      }
    }
  });

  it('rejects any other count, root or proof', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.nat(),
        fc.nat(),
        (secondCount, choice, bit) => {
          const firstCount = 1 + (choice % (secondCount - 1));
          const claim = consistencyClaim(firstCount, secondCount);
          const rejects = (change: Partial<typeof claim>) =>
            assert.equal(verifyConsistency({ ...claim, ...change }), false);
          rejects({ firstRoot: flipBit(claim.firstRoot, bit) });
          rejects({ secondRoot: flipBit(claim.secondRoot, bit) });
          rejects({ firstRoot: claim.secondRoot, secondRoot: claim.firstRoot });
          rejects({ firstCount: firstCount + 1 });
          rejects({ firstCount: firstCount - 1 });
          rejects({ secondCount: secondCount * 2 });
          rejects({ firstCount: secondCount, secondCount: firstCount });
          for (const proof of damagedProofs(claim.proof, bit)) rejects({ proof });
        },
      ),
    );
  });

  it('rejects a root for the empty tree that is not its root', () => {
    const claim = consistencyClaim(0, 3);
    assert.equal(verifyConsistency({ ...claim, firstRoot: claim.secondRoot }), false);
  });

  it('rejects a non-empty proof where none is needed', () => {
    for (const [firstCount, secondCount] of [
      [0, 0],
      [0, 5],
      [5, 5],
    ] as const) {
      const claim = consistencyClaim(firstCount, secondCount);
      assert.equal(verifyConsistency({ ...claim, proof: [claim.secondRoot] }), false);
    }
  });

  it('rejects a proof that only repeats the first root', () => {
    const claim = consistencyClaim(3, 4);
    assert.equal(verifyConsistency({ ...claim, proof: [claim.firstRoot] }), false);
    assert.equal(
      verifyConsistency({ ...claim, secondRoot: claim.firstRoot, proof: [claim.firstRoot] }),
      false,
    );
  });

  it('rejects numbers that are not counts', () => {
    const claim = consistencyClaim(2, 4);
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.equal(verifyConsistency({ ...claim, firstCount: bad }), false);
      assert.equal(verifyConsistency({ ...claim, secondCount: bad }), false);
    }
  });
});

describe('nodeHash()', () => {
  it('refuses hashes of another length instead of hashing old bytes', () => {
    const digest = leafHash(Uint8Array.of(1));
    assert.throws(() => nodeHash(digest.subarray(1), digest), /bug/);
    assert.throws(() => nodeHash(digest, digest.subarray(1)), /bug/);
  });
});

function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  assert(bytes);
  return bytes;
}

function frontierOf(leaves: readonly Uint8Array[]): MerkleFrontier {
  const frontier = new MerkleFrontier();
  for (const leaf of leaves) frontier.append(leafHash(leaf));
  return frontier;
}

function numberedLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => leafHash(Uint8Array.of(index)));
}

function inclusionClaim(count: number, index: number) {
  const hashes = numberedLeaves(count);
  const leaf = hashes[index];
  assert(leaf);
  const proof = inclusionProof(hashes, index);
  return { leafHash: leaf, index, count, proof, root: merkleRoot(hashes) };
}

function consistencyClaim(firstCount: number, secondCount: number) {
  const hashes = numberedLeaves(secondCount);
  return {
    firstCount,
    firstRoot: merkleRoot(hashes.slice(0, firstCount)),
    secondCount,
    secondRoot: merkleRoot(hashes),
    proof: consistencyProof(hashes, firstCount),
  };
}

/** Never equal to `proof`. */
function* damagedProofs(proof: readonly Uint8Array[], bit: number): Generator<Uint8Array[]> {
  const foreign = leafHash(Uint8Array.of(0xff));
  yield [...proof, foreign];
  yield [foreign, ...proof];
  yield [...proof, new Uint8Array(0)];
  yield Array.from({ length: LIMITS.logProofHashesMax + 1 }, () => foreign);
  if (proof.length > 0) yield proof.slice(1);
  if (proof.length > 0) yield proof.slice(0, -1);
  for (const [index, hash] of proof.entries()) {
    yield proof.with(index, flipBit(hash, bit));
    yield proof.with(index, hash.subarray(1));
  }
}
