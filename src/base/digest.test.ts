import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import {
  crc32,
  formatDigest,
  parseDigest,
  sha256,
  sha256Async,
  sha256Each,
  sha256Parts,
  sharedBytes,
  sumsAsync,
} from './digest.ts';

const reference = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('sha256()', () => {
  it('knows the test vectors of FIPS 180-4', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    assert.equal(hex(sha256(Buffer.from('abc'))), expected);
  });

  it('is the same over parts', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        assert.equal(hex(sha256Parts(parts)), reference(Buffer.concat(parts)));
      }),
    );
  });
});

describe('sha256Async()', () => {
  it('hashes shared memory on another thread, each call its own bytes', async () => {
    const all = Array.from({ length: 20 }, (_, index) => sharedBytes(64 * 1024).fill(index));
    const digests = await Promise.all(all.map(sha256Async));
    for (const [index, bytes] of all.entries()) {
      assert.equal(hex(digests[index] ?? bytes), reference(Buffer.from(bytes)));
    }
  });

  it('hashes a view of shared memory, not what is around it', async () => {
    const bytes = sharedBytes(200 * 1024).map((_, index) => index);
    const shared = sharedBytes(bytes.length);
    shared.set(bytes);
    const view = shared.subarray(1000, 101_000);
    assert.equal(hex(await sha256Async(view)), reference(Buffer.from(view)));
  });

  it('hashes small and unshared memory too', async () => {
    for (const bytes of [new Uint8Array(0), Buffer.from('abc'), new Uint8Array(100_000)]) {
      assert.equal(hex(await sha256Async(bytes)), reference(bytes));
    }
  });
});

describe('sumsAsync()', () => {
  it('computes SHA-256 and CRC-32 of any memory, on another thread or here', async () => {
    for (const length of [0, 1, 40_000, 65_536, 200_001]) {
      for (const bytes of [sharedBytes(length), new Uint8Array(length)]) {
        for (let at = 0; at < length; at += 1) bytes[at] = at * 7;
        const { digest, checksum } = await sumsAsync(bytes);
        assert.equal(hex(digest), reference(Buffer.from(bytes)));
        assert.equal(checksum, crc32(bytes));
      }
    }
  });
});

describe('sha256Each()', () => {
  it('hashes each of several views, wherever they lie', async () => {
    const shared = sharedBytes(100_000).map((_, index) => index);
    const memory = sharedBytes(shared.length);
    memory.set(shared);
    for (const bytes of [memory, new Uint8Array(shared), memory.subarray(0, 10)]) {
      const views = [bytes, bytes.subarray(1, 1), bytes.subarray(bytes.length / 2)];
      assert.deepEqual(
        (await sha256Each(views)).map(hex),
        views.map((view) => reference(Buffer.from(view))),
      );
    }
    assert.deepEqual(await sha256Each([]), []);
  });
});

describe('crc32()', () => {
  it('knows the check value of CRC-32/ISO-HDLC and goes on from a seed', () => {
    const check = Buffer.from('123456789');
    assert.equal(crc32(check), 0xcbf43926);
    assert.equal(crc32(check.subarray(4), crc32(check.subarray(0, 4))), 0xcbf43926);
  });
});

describe('parseDigest()', () => {
  it('reads what formatDigest() writes and nothing else', () => {
    const digest = sha256(Buffer.from('abc'));
    const text = formatDigest(digest);
    assert.deepEqual(parseDigest(text), digest);
    for (const bad of [text.slice(1), text.slice(0, -1), `${text}0`, text.toUpperCase(), '']) {
      assert.equal(parseDigest(bad), undefined);
    }
  });
});
