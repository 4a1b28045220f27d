import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { concatBytes, hexEncode, utf8Decode, utf8Encode } from '../src/base/bytes.ts';
import { crc32, sha256 } from '../src/base/digest.ts';
import { parseCheckpoint, verifyCheckpoint } from '../src/format/checkpoint.ts';
import { verifyCheckpointProof } from '../src/format/checkpoint-proof.ts';
import { chunkingKey, ContentCutter } from '../src/format/chunker.ts';
import { ChunkFrameDecoder } from '../src/format/chunk-frame.ts';
import { decodeCommit, encodeCommit } from '../src/format/commit.ts';
import { ContentFold, contentRoot } from '../src/format/content.ts';
import { checkPins, type FileLogRecords, foldFileLog } from '../src/format/file-pins.ts';
import {
  Chunking,
  Custody,
  type GDPfsDentry,
  LogKind,
  NodeKind,
} from '../src/format/generated/gdpfs_pb.js';
import { decodeManifestEntries, encodeManifestEntries } from '../src/format/manifest.ts';
import { leafHash, MerkleFrontier, merkleRoot } from '../src/format/merkle.ts';
import { HISTORY_FOREVER, verifyPolicy } from '../src/format/policy.ts';
import { decodeFchunk, decodeMeta, decodeRecord, logName } from '../src/format/records.ts';
import { type ChainState, verifyCommit } from '../src/format/volume-chain.ts';
import {
  counting,
  DIRECTORY,
  FILE_LOG,
  FIXTURES,
  hex,
  readFixture,
  readHex,
  unreadFixtures,
  VOLUME,
} from './support/format-fixtures.ts';

/** Bytes of released versions stay readable: see test/fixtures/format/v1/README.md. */

const ORIGIN = 'gdpfs.v1/o_F0RUpMgS2mKOReThcX6A_iE-EErewGPKoK6R1Dlfw';
const KEY = {
  keyName: ORIGIN,
  publicKey: hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
};
const ROOT = '4fadaf65230be6227c00da655ea088f1038a3b3443350b3e6cf7062f2e03963a';
const MANIFEST_SIZE = 2 ** 32 + 31;

/** Keys of the volume: those of RFC 8032 section 7.1. */
const OWNER_KEY = KEY.publicKey;
const WRITER_KEY = hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const LATER_OWNERS = [
  hex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
  hex('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf'),
];

describe('format version 1', () => {
  it('checkpoint.note verifies', () => {
    assert.deepEqual(verifyCheckpoint(readFixture('checkpoint.note'), KEY), {
      origin: ORIGIN,
      count: 5,
      root: hex(ROOT),
      timeMs: 1_790_000_000_123,
      epoch: 1,
    });
  });

  it('checkpoint-extended.note verifies and keeps the line of a later version', () => {
    const note = readFixture('checkpoint-extended.note');
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

  it('chunking.json says where files are cut', () => {
    const vectors = JSON.parse(utf8Decode(readFixture('chunking.json'))) as Record<string, string> &
      Record<'lengths' | 'lengthsBehindOneZero' | 'lengthsOfZeros', number[]>;
    const [seed = '', volume = ''] = [vectors['ownerSeed'], vectors['volume']];
    const key = chunkingKey(hex(seed), hex(volume));
    assert.equal(hexEncode(key), vectors['key']);
    const blocks = Array.from({ length: 131_072 }, (_, index) => {
      const block = new Uint8Array(4);
      new DataView(block.buffer).setUint32(0, index);
      return sha256(block);
    });
    const data = concatBytes(blocks);
    assert.equal(hexEncode(sha256(data)), vectors['dataSha256']);
    assert.deepEqual(chunkLengths(key, data), vectors.lengths);
    const behindZero = concatBytes([new Uint8Array(1), data]);
    assert.deepEqual(chunkLengths(key, behindZero), vectors.lengthsBehindOneZero);
    assert.deepEqual(chunkLengths(key, new Uint8Array(2 ** 20)), vectors.lengthsOfZeros);
  });

  it('manifest.hex describes these frames', () => {
    const bytes = readHex('manifest.hex');
    const chunks = decodeManifestEntries(bytes, { size: MANIFEST_SIZE });
    const frames = new ChunkFrameDecoder().push(readHex('chunk-frames.hex'));
    assert.deepEqual(
      chunks,
      frames.map(({ data, ...header }) => {
        assert.equal(crc32(data), header.checksum);
        return { ...header, digest: sha256(data) };
      }),
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

  it('record-meta-directory.hex names the volume and its owner', () => {
    const meta = decodeMeta(readHex('record-meta-directory.hex'), LogKind.DIRECTORY);
    assert.deepEqual(fields(meta), {
      version: 1,
      kind: LogKind.DIRECTORY,
      nonce: counting(0x10),
      hash: 1,
      createdMs: 1_790_000_000_000n,
      ownerKey: OWNER_KEY,
      custody: Custody.SERVER,
      chunking: Chunking.FIXED,
      chunkSize: 0,
    });
    assert.equal(hexEncode(logName(readHex('record-meta-directory.hex'))), VOLUME);
  });

  it('record-volume-policy.hex names the writer, signed by the owner', () => {
    const body = decodeRecord(readHex('record-volume-policy.hex'));
    assert(body.case === 'volume');
    const nothingKept = { rotations: [], snapshots: [] };
    const policy = { epoch: 1, writerKey: WRITER_KEY, historyDays: 30, ...nothingKept };
    assert.deepEqual(verifyPolicy(hex(VOLUME), OWNER_KEY, body.value), policy);
  });

  it('record-volume-policy-snapshots.hex keeps all of the past, and names two states of it', () => {
    const body = decodeRecord(readHex('record-volume-policy-snapshots.hex'));
    assert(body.case === 'volume');
    const snapshots = [
      { name: 'first', seq: 0, createdMs: 1_790_000_002_000 },
      { name: 'v1.0', seq: 4, createdMs: 1_790_000_003_000 },
    ];
    const kept = { historyDays: HISTORY_FOREVER, rotations: [], snapshots };
    const policy = { epoch: 2, writerKey: WRITER_KEY, ...kept };
    assert.deepEqual(verifyPolicy(hex(VOLUME), OWNER_KEY, body.value), policy);
  });

  it('record-volume-policy-rotated.hex and checkpoint-rotated.note lead from the first owner to the third', () => {
    const policy = readHex('record-volume-policy-rotated.hex');
    const proof = { meta: readHex('record-meta-directory.hex'), policy, consistency: [] };
    const checkpoint = readFixture('checkpoint-rotated.note');
    const { count, epoch, owner, ownerKeys } = verifyCheckpointProof(hex(VOLUME), {
      ...proof,
      checkpoint,
    });
    assert.deepEqual([count, epoch, ownerKeys], [6, 2, LATER_OWNERS]);
    assert.deepEqual(owner, { rotations: 2, ownerKey: LATER_OWNERS[1] });
  });

  it('record-meta-file.hex and the fchunks make a file', () => {
    const records = ['meta-file', 'fchunk', 'fchunk-end'].map((n) => readHex(`record-${n}.hex`));
    const [metaBytes, fchunk, end] = records;
    assert(metaBytes && fchunk && end);
    const meta = decodeMeta(metaBytes, LogKind.FILE);
    assert.deepEqual(meta.nonce, counting(0x20));
    assert.equal(meta.createdMs, 1_790_000_001_000n);
    assert.equal(meta.chunkSize, 262_144);
    assert.equal(hexEncode(logName(metaBytes)), FILE_LOG);
    const data = utf8Encode('second chunk');
    const chunk = { offset: 11, length: 12, checksum: crc32(data), digest: sha256(data) };
    assert.deepEqual(decodeFchunk(fchunk), chunk);
    const nothing = { offset: 64, length: 0, checksum: 0, digest: new Uint8Array(0) };
    assert.deepEqual(decodeFchunk(end), nothing);
    assert.deepEqual(foldFileLog(records), { size: 64, chunks: [chunk] });
  });

  it('record-dentry-*.hex say what names stand for', () => {
    assert.deepEqual(fields(readDentry('directory')), {
      ...NO_DENTRY,
      name: 'models',
      kind: NodeKind.DIRECTORY,
      mode: 0o755,
      mtimeUs: 1_790_000_001_000_007n,
    });
    assert.deepEqual(fields(readDentry('file')), {
      ...NO_DENTRY,
      parent: 2n,
      name: 'weights-\u00fcn\u00ef.bin',
      kind: NodeKind.FILE,
      log: hex(FILE_LOG),
      logCount: 3n,
      size: 23n,
      root: hex('4b3bedb9720a811614a5cbbc3be15e879942f181e975a907d207797866cabc00'),
      content: hex('a5f030fc29a90638c66de73f4a0513705bcf5de312f7c66eccb0970cd747e71f'),
      mode: 0o640,
      mtimeUs: 1_790_000_001_000_007n,
    });
    assert.deepEqual(fields(readDentry('symlink')), {
      ...NO_DENTRY,
      name: 'latest',
      kind: NodeKind.SYMLINK,
      target: 'models/weights-\u00fcn\u00ef.bin',
      mode: 0o777,
      mtimeUs: -1n,
    });
    assert.deepEqual(fields(readDentry('removed')), {
      ...NO_DENTRY,
      name: 'latest',
      node: 4n,
      kind: NodeKind.SYMLINK,
      removed: true,
    });
  });

  it('record-system-volume.hex gives the volume an alias, and another one ends it', () => {
    const entry = { name: hex(VOLUME), alias: 'vision', owner: 'alice' };
    for (const [file, removed] of [
      ['record-system-volume.hex', false],
      ['record-system-volume-removed.hex', true],
    ] as const) {
      const body = decodeRecord(readHex(file));
      assert(body.case === 'system' && body.value.body.case === 'volume');
      assert.deepEqual(fields(body.value.body.value), { ...entry, removed });
    }
  });

  it('the commits verify one behind the other, pin their file, and encode to the same bytes', () => {
    let state: ChainState | undefined;
    const logs = new FileLogs();
    for (const name of ['commit-first.hex', 'commit-second.hex', 'commit-rotated.hex']) {
      const bytes = readHex(name);
      const commit = decodeCommit(bytes);
      state = verifyCommit(state, commit);
      assert.deepEqual(encodeCommit(commit, commit.checkpoint).bytes, bytes);
      const files = checkPins(commit, logs).flatMap(({ manifest }) => manifest ?? []);
      assert.deepEqual(
        files.map(({ size }) => size),
        name === 'commit-second.hex' ? [23] : [],
      );
    }
    assert.deepEqual([state?.count, state?.epoch, state?.timeMs], [6, 2, 1_790_000_002_000]);
  });

  it('the roots in record-dentry-file.hex are those of its log', () => {
    const { records } = decodeCommit(readHex('commit-second.hex')).parts[0] ?? { records: [] };
    const dentry = readDentry('file');
    assert.deepEqual(dentry.root, merkleRoot(records.map(leafHash)));
    assert.deepEqual(dentry.content, contentRoot(foldFileLog(records)));
  });

  it('every fixture has the bytes it was made with', () => {
    const files = readdirSync(DIRECTORY, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'README.md')
      .map(({ parentPath, name }) => relative(fileURLToPath(DIRECTORY), join(parentPath, name)));
    const hashes = files.map((name) => [
      name,
      hexEncode(sha256(readFileSync(new URL(name, DIRECTORY)))),
    ]);
    assert.deepEqual(Object.fromEntries(hashes), FIXTURES);
  });

  it('every fixture but those of the store is decoded here', () => {
    assert.deepEqual(
      unreadFixtures().filter((name) => !name.startsWith('store')),
      [],
    );
  });
});

class FileLogs implements FileLogRecords {
  readonly #logs = new Map<string, readonly Uint8Array[]>();

  read(log: Uint8Array): readonly Uint8Array[] {
    return this.#logs.get(hexEncode(log)) ?? [];
  }

  append(log: Uint8Array, records: readonly Uint8Array[]): void {
    this.#logs.set(hexEncode(log), [...this.read(log), ...records]);
  }
}

/** The fields of a decoded message, without the library's own. */
function fields(message: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(message).filter(([name]) => !name.startsWith('$')));
}

/** A dentry that says nothing but who wrote it. */
const NO_DENTRY = {
  parent: 0n,
  log: new Uint8Array(0),
  size: 0n,
  root: new Uint8Array(0),
  logCount: 0n,
  content: new Uint8Array(0),
  mode: 0,
  mtimeUs: 0n,
  author: 'alice',
  removed: false,
  target: '',
};

function chunkLengths(key: Uint8Array, data: Uint8Array): number[] {
  const cutter = new ContentCutter(key);
  const lengths: number[] = [];
  for (let start = 0; start < data.length; ) {
    const cut = cutter.push(data, start);
    const end = cut < 0 ? data.length : cut;
    lengths.push(end - start);
    start = end;
  }
  return lengths;
}

function readDentry(name: string): GDPfsDentry {
  const body = decodeRecord(readHex(`record-dentry-${name}.hex`));
  assert(body.case === 'dentry');
  return body.value;
}
