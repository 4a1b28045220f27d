import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { hexDecode, hexEncode, utf8Decode, utf8Encode } from '../src/base/bytes.ts';
import { crc32, sha256 } from '../src/base/digest.ts';
import { parseCheckpoint, verifyCheckpoint } from '../src/format/checkpoint.ts';
import { ChunkFrameDecoder } from '../src/format/chunk-frame.ts';
import { ContentFold, contentRoot } from '../src/format/content.ts';
import { decodeManifestEntries, encodeManifestEntries } from '../src/format/manifest.ts';
import { leafHash, MerkleFrontier } from '../src/format/merkle.ts';

/** Bytes of released versions stay readable: see test/fixtures/format/v1/README.md. */

const DIRECTORY = new URL('fixtures/format/v1/', import.meta.url);
const used = new Set<string>();

const ORIGIN = 'gdpfs.v1/o_F0RUpMgS2mKOReThcX6A_iE-EErewGPKoK6R1Dlfw';
const KEY = {
  keyName: ORIGIN,
  publicKey: hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
};
const ROOT = '4fadaf65230be6227c00da655ea088f1038a3b3443350b3e6cf7062f2e03963a';
const MANIFEST_SIZE = 2 ** 32 + 31;

describe('format version 1', () => {
  it('checkpoint.note verifies', () => {
    assert.deepEqual(verifyCheckpoint(read('checkpoint.note'), KEY), {
      origin: ORIGIN,
      count: 5,
      root: hex(ROOT),
      timeMs: 1_790_000_000_123,
      epoch: 1,
    });
  });

  it('checkpoint-extended.note verifies and keeps the line of a later version', () => {
    const note = read('checkpoint-extended.note');
    const state = sha256(utf8Encode('state'));
    assert.deepEqual(verifyCheckpoint(note, KEY).state, state);
    assert.match(utf8Decode(parseCheckpoint(note).text), /\nfuture extension\n$/);
  });

  it('merkle-frontier.hex has the root of its records and grows', () => {
    const frontier = MerkleFrontier.decode(readHex('merkle-frontier.hex'));
    assert.equal(frontier.count, 5);
    assert.equal(hexEncode(frontier.root()), ROOT);
    const whole = new MerkleFrontier();
    for (const record of ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta']) {
      whole.append(leafHash(utf8Encode(record)));
    }
    frontier.append(leafHash(utf8Encode('zeta')));
    assert.deepEqual(frontier.root(), whole.root());
  });

  it('chunk-frames.hex has three frames whose checksums fit', () => {
    const decoder = new ChunkFrameDecoder();
    const frames = decoder.push(readHex('chunk-frames.hex'));
    decoder.end();
    assert.deepEqual(
      frames.map((frame) => [frame.offset, utf8Decode(frame.data)]),
      [
        [0, 'first chunk'],
        [11, 'second chunk'],
        [2 ** 32 + 7, 'behind a hole over 4 GiB'],
      ],
    );
    for (const frame of frames) assert.equal(crc32(frame.data), frame.checksum);
  });

  it('manifest.hex describes these frames', () => {
    const bytes = readHex('manifest.hex');
    const chunks = decodeManifestEntries(bytes, { size: MANIFEST_SIZE });
    const frames = new ChunkFrameDecoder().push(readHex('chunk-frames.hex'));
    assert.deepEqual(
      chunks,
      frames.map(({ data, ...header }) => ({ ...header, digest: sha256(data) })),
    );
    assert.deepEqual(encodeManifestEntries(chunks), bytes);
  });

  it('the content roots of manifest.hex, without and with a hole at the end, are what they were', () => {
    const fold = new ContentFold();
    for (const chunk of decodeManifestEntries(readHex('manifest.hex'), { size: MANIFEST_SIZE })) {
      fold.apply(chunk);
    }
    assert.equal(
      hexEncode(contentRoot(fold.manifest())),
      'edd4c2355679f580db80e73b84881823e9489bfd8cd55e67790c424c8144cac1',
    );
    fold.apply({ offset: 2 ** 33, length: 0, checksum: 0, digest: new Uint8Array(0) });
    assert.equal(
      hexEncode(contentRoot(fold.manifest())),
      'c1cae9e34de2f758fb3d7fe513bb3d62c69bf267fcca3aeb5006be666dce58f0',
    );
  });

  it('every fixture is decoded here', () => {
    const files = readdirSync(DIRECTORY).filter((name) => name !== 'README.md');
    assert.deepEqual(files, [...used].sort());
  });
});

function read(name: string): Uint8Array {
  used.add(name);
  return new Uint8Array(readFileSync(new URL(name, DIRECTORY)));
}

function readHex(name: string): Uint8Array {
  return hex(utf8Decode(read(name)).replaceAll('\n', ''));
}

function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  assert(bytes, 'hexadecimal');
  return bytes;
}
