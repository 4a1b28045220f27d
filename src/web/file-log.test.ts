import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { crc32, formatDigest, parseDigest, sha256 } from '../base/digest.ts';
import { ContentCutter } from '../format/chunker.ts';
import { decodeRecords } from '../format/commit.ts';
import { contentRoot } from '../format/content.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { leafHash, merkleRoot } from '../format/merkle.ts';
import { decodeFchunk, decodeMeta } from '../format/records.ts';
import { newFileLog } from './file-log.ts';
import { Buffer as BufferOfBrowsers } from './platform/buffer.ts';
import { hkdfSync } from './platform/crypto.ts';
import * as platform from './platform/digest.ts';
import { hkdfSync as hkdfOfNode } from 'node:crypto';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const piece = fc.record({
  length: fc.integer({ min: 1, max: 4 * 1024 * 1024 }),
  checksum: fc.integer({ min: 0, max: 0xffffffff }),
  digest,
});

test('newFileLog() writes what the format reads, under the roots that the format computes', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      let size = 0;
      const chunks = pieces.map((each) => {
        const chunk = { offset: size, ...each };
        size += each.length;
        return chunk;
      });
      const { records, root, content } = newFileLog({ size, chunks }, 262_144, 1_700_000_000_123);
      const decoded = decodeRecords(records, 100);
      const [meta = new Uint8Array(), ...fchunks] = decoded;
      const { version, nonce, createdMs, chunkSize } = decodeMeta(meta, LogKind.FILE);
      assert.deepEqual(
        [version, nonce.length, createdMs, chunkSize],
        [1, 16, 1_700_000_000_123n, 262_144],
      );
      assert.deepEqual(fchunks.map(decodeFchunk), chunks);
      assert.equal(root, formatDigest(merkleRoot(decoded.map(leafHash))));
      assert.equal(content, formatDigest(contentRoot({ size, chunks })));
    }),
  );
});

test('what stands for functions of Node in browsers gives the same', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      (one, two) => {
        assert.deepEqual(platform.sha256(one), sha256(one));
        assert.equal(platform.crc32(one), crc32(one));
        assert.equal(platform.formatDigest(sha256(one)), formatDigest(sha256(one)));
        assert.deepEqual(
          platform.parseDigest(formatDigest(sha256(one))),
          parseDigest(formatDigest(sha256(one))),
        );
        const order = Math.sign(BufferOfBrowsers.compare(one, two));
        assert.equal(order, Buffer.compare(one, two));
        const view = BufferOfBrowsers.from(one.slice().buffer, 0, one.length);
        assert.equal(view.toString('hex'), Buffer.from(one).toString('hex'));
        assert.equal(view.toString('base64url'), Buffer.from(one).toString('base64url'));
        for (const encoding of ['hex', 'base64url'] as const) {
          const decoded = BufferOfBrowsers.from(view.toString(encoding), encoding);
          assert.deepEqual(new Uint8Array(decoded), one);
        }
      },
    ),
  );
  const [key, salt] = [new Uint8Array(32).fill(7), new Uint8Array(0)];
  const info = new TextEncoder().encode('x');
  assert.deepEqual(
    hkdfSync('sha256', key, salt, info, 1024),
    hkdfOfNode('sha256', key, salt, info, 1024),
  );
  assert.equal(new ContentCutter(key).lengthMax, 512 * 1024);
});
