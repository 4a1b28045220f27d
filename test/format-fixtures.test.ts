import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  base64urlEncode,
  concatBytes,
  hexDecode,
  hexEncode,
  utf8Decode,
  utf8Encode,
} from '../src/base/bytes.ts';
import { crc32, sha256 } from '../src/base/digest.ts';
import { VolumeTree } from '../src/client/volume-tree.ts';
import { parseCheckpoint, verifyCheckpoint } from '../src/format/checkpoint.ts';
import { verifyCheckpointProof } from '../src/format/checkpoint-proof.ts';
import { chunkingKey, ContentCutter } from '../src/format/chunker.ts';
import { ChunkFrameDecoder } from '../src/format/chunk-frame.ts';
import { decodeCommit, decodeResults, encodeCommit } from '../src/format/commit.ts';
import { ContentFold, contentRoot } from '../src/format/content.ts';
import { decodeDentry } from '../src/format/dentry.ts';
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
import { verifyPolicy } from '../src/format/policy.ts';
import { decodeFchunk, decodeMeta, decodeRecord, logName } from '../src/format/records.ts';
import {
  decodeCommitPayload,
  FOOTER_BYTES,
  FRAME_KIND,
  SEGMENT_HEADER_BYTES,
} from '../src/format/segment.ts';
import { type ChainState, verifyCommit } from '../src/format/volume-chain.ts';
import { openFileSystem } from '../src/fs/open.ts';
import { fsckStore } from '../src/log/fsck.ts';
import type { DiskFile } from '../src/storage/disk.ts';
import { type Scanned, scanFrames } from '../src/storage/frame-scan.ts';
import { openNodeDisk } from '../src/storage/node-disk.ts';
import { checkHeaderPage } from '../src/storage/segment-check.ts';
import { SegmentReader, readSegmentHeader } from '../src/storage/segment-files.ts';
import { readTable } from '../src/storage/sealed-segment.ts';

/** Bytes of released versions stay readable: see test/fixtures/format/v1/README.md. */

/**
 * SHA-256 of every fixture. A change here says that stored data of that version has another meaning
 * now; there is no reason to make one. New files get new lines.
 */
const FIXTURES: Readonly<Record<string, string>> = {
  'checkpoint-extended.note': 'b0c5f1039b5f8fc0264ce8e9683a903382e961529722e4288750c011c3bf19f5',
  'checkpoint-rotated.note': '3ab870288a4a19a9caddeeb96b19ce6947e2ac1f03a9964b4da99a891bccddb2',
  'checkpoint.note': 'e828c021206c7ef224a72cf4e3280e8eb76cc01383b6d5b237a8c4b232e36745',
  'chunk-frames.hex': '3b9652d91f31f684d5fd0eca6d19800737d9f8901b23a70ffe8f40eb26a63f50',
  'chunking.json': '6cbff975a0872901346f5ea17648efe6137c6d9f4637ded219cee3400b8ffeda',
  'commit-first.hex': '2d831101ae7eaab96870898ab31ee14d93ce07868b242ce236a59d31ffd814df',
  'commit-rotated.hex': 'edc6a29528f7b398229a669ea89d9766123c6bb00c3f61696a6e717333a40c2b',
  'commit-second.hex': 'b448d1609a468dc47bd068abdabe652a3054d3afe658ae8e0d49311baf086a76',
  'manifest.hex': 'e2b09c82e5261286aa628d6cae588bc04738f6b233bd9a042395c1e93c831adc',
  'merkle-frontier.hex': '5816b5907032b2fc52dcb12e7a85dd1ca76c1c177b84a1f51ef3aab68a4fb8c7',
  'record-dentry-directory.hex': '503c3d986b694e6cf632cccce36f62007f08f25b5338803064423b75ec11afd3',
  'record-dentry-file.hex': '5e1dab8ed91c757039f5be1de9b6813e478137eb2993c1438474b2415968b776',
  'record-dentry-removed.hex': '58c512a26a9e24c18882c0bbe84973d0fec175a875bc1220d07bc891339d4b6b',
  'record-dentry-symlink.hex': 'd347cf455f92b3d422ae02f623ee85d6eaa3bff51b3531735e095aff8cca9fcd',
  'record-fchunk-end.hex': 'e3f2eb5696035deac49543ec7ef2fe66e054d4b3f66f943c9e0348335d3a4043',
  'record-fchunk.hex': '25280279c19e51e469907d0820d4b640f66685da21b750c8a14cd5d1152f8df0',
  'record-meta-directory.hex': '61df07da3b8f973e0c0e978e66c641927405886b61e8599f4d27ce04743a7cbc',
  'record-meta-file.hex': '5a9e987b7aae1f231958a2fff79d6804bcf3398bc1496ab695d209289d99630b',
  'record-system-volume.hex': '78caca23f9a672642a3f287ea06be59df798b459eddc6c8c257177cd4b116f0b',
  'record-volume-policy-rotated.hex':
    'fa1e4b39ecf7b7684a0175aa6a87d024629195a2c6842400a2fd028213dceb3b',
  'record-volume-policy.hex': 'a422b3496b4a7f966c15703adda89be886f4baf972cffa54f8020182a53603a4',
  'store/segments/0000000001.seg':
    '977ee96d72103f9ce8f97dc161560a13deefb397f3ca2f7c0b85f4c8d8e6e030',
  'store/segments/0000000002.open':
    'f4f4faede84015452d9193640fc196423cb468016fc46aca030480deca825545',
  'store-padded/segments/0000000001.seg':
    '41fdb869f2ab2b1c7707f07a83ec088124a03eb4130950588a682226830e6888',
};

const DIRECTORY = new URL('fixtures/format/v1/', import.meta.url);
const used = new Set<string>();

const ORIGIN = 'gdpfs.v1/o_F0RUpMgS2mKOReThcX6A_iE-EErewGPKoK6R1Dlfw';
const KEY = {
  keyName: ORIGIN,
  publicKey: hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
};
const ROOT = '4fadaf65230be6227c00da655ea088f1038a3b3443350b3e6cf7062f2e03963a';
const MANIFEST_SIZE = 2 ** 32 + 31;

/** The volume of records, commits and segments; its keys are the first two of RFC 8032 section 7.1. */
/** Name of the system log. */
const SYSTEM_LOG = 'l2RrkEaeCJxwZg6EZ9x0THarB4_XKjbZHzPyjFT1Ico';
const VOLUME = '9863ec89196e326f8f9a8c518f3ad32e96864b28469a96a2c628209996b072ce';
const FILE_LOG = 'b0a7976d2ee34540b9434842ee5c98c2e6af8d4ebacda1a54857448652615009';
const OWNER_KEY = KEY.publicKey;
const WRITER_KEY = hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const LATER_OWNERS = [
  hex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
  hex('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf'),
];
const TABLE_OFFSET = 15269;

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

  it('chunking.json says where files are cut', () => {
    const vectors = JSON.parse(utf8Decode(read('chunking.json'))) as Record<string, string> &
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
    const policy = { epoch: 1, writerKey: WRITER_KEY, historyDays: 30, rotations: [] };
    assert.deepEqual(verifyPolicy(hex(VOLUME), OWNER_KEY, body.value), policy);
  });

  it('record-volume-policy-rotated.hex and checkpoint-rotated.note lead from the first owner to the third', () => {
    const policy = readHex('record-volume-policy-rotated.hex');
    const proof = { meta: readHex('record-meta-directory.hex'), policy, consistency: [] };
    const checkpoint = read('checkpoint-rotated.note');
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

  it('record-system-volume.hex gives the volume an alias', () => {
    const body = decodeRecord(readHex('record-system-volume.hex'));
    assert(body.case === 'system' && body.value.body.case === 'volume');
    const entry = { name: hex(VOLUME), alias: 'vision', owner: 'alice' };
    assert.deepEqual(fields(body.value.body.value), entry);
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

  it('store/segments/0000000001.seg has a sound header, its frames, and a table that lists them', async () => {
    const reader = openSegments();
    const file = await reader.file(1);
    const header = await checkHeaderPage(file, 1);
    assert.deepEqual(header, { storeId: counting(0x30), durable: TABLE_OFFSET, problems: [] });
    const end = (await file.size()) - FOOTER_BYTES;
    const scanned = await scan(file, 1, end);
    const { commit, chunk, table } = FRAME_KIND;
    assert.deepEqual(
      scanned.map(({ header: { kind } }) => kind),
      [commit, commit, commit, chunk, chunk, commit, table],
    );
    const { entries, tableOffset } = await readTable(reader, 1);
    assert.equal(tableOffset, TABLE_OFFSET);
    const headers = scanned.slice(0, -1).map(({ header: { kind, offset, length } }) => ({
      kind,
      offset,
      length,
    }));
    assert.deepEqual(
      entries.map(({ kind, offset, length }) => ({ kind, offset, length })),
      headers,
    );
    const chunks = entries.filter(({ kind }) => kind === chunk);
    const texts = ['first chunk', 'second chunk'];
    assert.deepEqual(
      chunks.map(({ volume, digest }) => ({ volume, digest })),
      texts.map((text) => ({ volume: hex(VOLUME), digest: sha256(utf8Encode(text)) })),
    );
    const { commit: bytes, results } = decodeCommitPayload(scanned[5]?.payload ?? hex(''));
    assert.deepEqual(bytes, readHex('commit-second.hex'));
    assert.deepEqual(decodeResults(results), [
      {
        principal: 'alice',
        id: 'put-0001',
        fingerprint: sha256(utf8Encode('what was asked')),
        timeMs: 1_790_000_001_000,
        body: utf8Encode('{"seq":4,"node":4,"count":3}'),
      },
    ]);
    await reader.close();
  });

  it('store-padded/segments/0000000001.seg, of the second version, has padding, and its table lists it', async () => {
    const reader = new SegmentReader(
      openNodeDisk(fileURLToPath(new URL('store-padded', DIRECTORY))),
    );
    used.add('store-padded/segments/0000000001.seg');
    const file = await reader.file(1);
    assert.deepEqual((await checkHeaderPage(file, 1)).problems, []);
    assert.equal((await readSegmentHeader(file, 1)).version, 2);
    const scanned = await scan(file, 1, (await file.size()) - FOOTER_BYTES);
    const { commit, chunk, padding, table } = FRAME_KIND;
    const places = scanned.map(({ header: { kind, offset } }) => [kind, offset]);
    const [, , , , , , [, tableOffset] = []] = places;
    const expected = [
      [chunk, 12_288],
      [padding, 12_389],
      [chunk, 16_288],
      [commit, 16_884],
      [padding, 16_959],
      [chunk, 20_384],
    ];
    assert.deepEqual(places, [...expected, [table, tableOffset]]);
    const listed = await readTable(reader, 1);
    assert.deepEqual(
      listed.entries.map(({ kind, offset }) => [kind, offset]),
      expected,
    );
    assert.equal(listed.tableOffset, tableOffset);
    for (const { header, payload } of scanned.filter(({ header: { kind } }) => kind === padding)) {
      assert(payload.every((byte) => byte === 0));
      assert.equal((header.offset + 32 + header.length + 96) % 4096, 0);
    }
    await reader.close();
  });

  it('store/segments/0000000002.open goes on behind it, durable to its end', async () => {
    const reader = openSegments();
    const file = await reader.file(2);
    const end = await file.size();
    const header = await checkHeaderPage(file, 2);
    assert.deepEqual(header, { storeId: counting(0x30), durable: end, problems: [] });
    const [chunk, commit] = await scan(file, 2, end);
    assert.equal(utf8Decode(chunk?.payload.subarray(64) ?? hex('')), 'behind a hole');
    const { firstSeq, parts } = decodeCommit(
      decodeCommitPayload(commit?.payload ?? hex('')).commit,
    );
    assert.equal(firstSeq, 5);
    assert.deepEqual(
      parts.map(({ log, firstSeq, records }) => [hexEncode(log), firstSeq, records.length]),
      [[FILE_LOG, 3, 2]],
    );
    await reader.close();
  });

  it('the two segments are a store without a fault that opens and serves its files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gdpfs-fixtures-'));
    try {
      const directory = join(folder, 'store');
      cpSync(STORE, directory, { recursive: true });
      const keysDirectory = join(folder, 'keys');
      saveSystemKey(keysDirectory);
      const { problems, notes, ...counts } = await fsckStore({ directory });
      assert.deepEqual([problems, notes], [[], []]);
      assert.deepEqual(counts, {
        segments: 2,
        volumes: 2,
        commits: 5,
        records: 15,
        chunks: 3,
        bytes: 36,
      });
      await checkServed({ directory, keysDirectory });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('a store from before there were state maps says the root of its tree from its next commit on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gdpfs-fixtures-'));
    try {
      const directory = join(folder, 'store');
      cpSync(STORE, directory, { recursive: true });
      const keysDirectory = join(folder, 'keys');
      saveSystemKey(keysDirectory);
      const name = hex(VOLUME);
      const writerSeed = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb';
      saveWriterKey(keysDirectory, { log: base64urlEncode(name), seed: writerSeed });
      const clock = { now: () => 1_790_000_003_000 };
      const stateOf = (note: Uint8Array) => parseCheckpoint(note).checkpoint.state;
      {
        await using opened = await openFileSystem({
          directory,
          keysDirectory,
          clock,
          warn: assert.fail,
        });
        assert.equal(stateOf(opened.fs.checkpoint(name)), undefined);
        await opened.fs.apply(name, { kind: 'mkdir', path: 'new' }, { author: 'alice' });
        const tree = treeOf(await opened.fs.commits(name, { seq: 0, limit: 100 }));
        assert.deepEqual(stateOf(opened.fs.checkpoint(name)), tree.stateRoot());
      }
      assert.deepEqual((await fsckStore({ directory })).problems, []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('every fixture is decoded here and has the bytes it was made with', () => {
    assert.deepEqual(Object.keys(FIXTURES).sort(), [...used].sort());
    const files = readdirSync(DIRECTORY, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'README.md')
      .map(({ parentPath, name }) => relative(fileURLToPath(DIRECTORY), join(parentPath, name)));
    const hashes = files.map((name) => [name, hexEncode(sha256(read(name)))]);
    assert.deepEqual(Object.fromEntries(hashes), FIXTURES);
  });
});

/** A server believes a system log only if it has its key: here that of RFC 8032, 7.1, SHA(abc). */
function saveSystemKey(keysDirectory: string): void {
  const seed = '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42';
  saveWriterKey(keysDirectory, { log: SYSTEM_LOG, seed });
}

function saveWriterKey(
  keysDirectory: string,
  { log, seed }: { readonly log: string; readonly seed: string },
): void {
  const key = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  const pem = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  const path = join(keysDirectory, 'volumes', `${log}.writer.key`);
  mkdirSync(join(keysDirectory, 'volumes'), { recursive: true });
  writeFileSync(path, pem.export({ format: 'pem', type: 'pkcs8' }));
}

function treeOf(commits: readonly Uint8Array[]): VolumeTree {
  const tree = new VolumeTree();
  for (const { records, firstSeq } of commits.map((bytes) => decodeCommit(bytes))) {
    for (const [index, record] of records.entries()) {
      const body = decodeRecord(record);
      if (body.case === 'dentry') tree.apply(decodeDentry(firstSeq + index, body.value));
    }
  }
  return tree;
}

/** The stored tree, now and as it was, through the file system. */
async function checkServed(folders: {
  readonly directory: string;
  readonly keysDirectory: string;
}): Promise<void> {
  const clock = { now: () => 1_790_000_003_000 };
  await using opened = await openFileSystem({ ...folders, clock, warn: assert.fail });
  const { fs, system } = opened;
  const { name, owner, count } = fs.resolveVolume('vision');
  assert.deepEqual([hexEncode(name), owner, count], [VOLUME, 'alice', 8]);
  assert.equal(system.view.isRevoked({ principal: 'bob', enrolment: counting(0x80) }), true);
  const paths = (seq: number): string[] => {
    const options = { recursive: true, limit: 10, at: { kind: 'seq', seq } } as const;
    return fs.list(name, '', options).entries.map(({ path }) => path);
  };
  const file = 'weights-\u00fcn\u00ef.bin';
  assert.deepEqual(paths(4), ['latest', 'models', `models/${file}`]);
  assert.deepEqual(paths(7), ['archive', `archive/${file}`]);
  const entry = fs.stat(name, `archive/${file}`);
  assert.deepEqual([entry.node, entry.seq, entry.size], [3, 5, 64]);
  const texts: string[] = [];
  for (const chunk of await fs.manifest(name, entry)) {
    texts.push(`${chunk.offset}: ${utf8Decode(await fs.readChunk(name, chunk))}`);
  }
  assert.deepEqual(texts, ['0: first chunk', '11: second chunk', '32: behind a hole']);
}

const SEGMENTS = ['store/segments/0000000001.seg', 'store/segments/0000000002.open'];
const STORE = fileURLToPath(new URL('store', DIRECTORY));

function openSegments(): SegmentReader {
  for (const name of SEGMENTS) used.add(name);
  return new SegmentReader(openNodeDisk(STORE));
}

type Frame = Extract<Scanned, { kind: 'frame' }>;

/** Every frame of a segment up to `end`; there must be nothing else. */
async function scan(file: DiskFile, segment: number, end: number): Promise<Frame[]> {
  const from = SEGMENT_HEADER_BYTES;
  const { storeId } = await readSegmentHeader(file, segment);
  const frames: Frame[] = [];
  for await (const item of scanFrames(file, { storeId, segment, from, end, payloadsFrom: from })) {
    assert(item.kind === 'frame', 'no damage');
    frames.push(item);
  }
  return frames;
}

class FileLogs implements FileLogRecords {
  readonly #logs = new Map<string, readonly Uint8Array[]>();

  read(log: Uint8Array): readonly Uint8Array[] {
    return this.#logs.get(hexEncode(log)) ?? [];
  }

  append(log: Uint8Array, records: readonly Uint8Array[]): void {
    this.#logs.set(hexEncode(log), [...this.read(log), ...records]);
  }
}

/** 16 bytes from `first` on upwards. */
function counting(first: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => first + index);
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
