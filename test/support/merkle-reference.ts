/** What src/format/merkle.ts is compared with: published vectors, and the definition itself. */
import assert from 'node:assert/strict';
import { concatBytes, hexDecode } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';

/**
 * The vectors of the Certificate Transparency reference implementation (merkle_tree_test.cc), as in
 * transparency-dev/merkle: testonly/constants.go and proof/verify_test.go.
 */
export const REFERENCE_LEAVES = [
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
export const REFERENCE_ROOTS = [
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
export const REFERENCE_INCLUSION = [
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
export const REFERENCE_CONSISTENCY = [
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

/** Section 2.1 of RFC 6962, word for word: slow and obviously right. */
export const model = {
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

function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  assert(bytes);
  return bytes;
}
