import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes, hexEncode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  model,
  REFERENCE_CONSISTENCY,
  REFERENCE_INCLUSION,
  REFERENCE_LEAVES,
  REFERENCE_ROOTS,
} from '../../test/support/merkle-reference.ts';
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
