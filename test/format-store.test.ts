import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { base64urlEncode, hexEncode, utf8Decode, utf8Encode } from '../src/base/bytes.ts';
import { sha256 } from '../src/base/digest.ts';
import { VolumeTree } from '../src/client/volume-tree.ts';
import { parseCheckpoint } from '../src/format/checkpoint.ts';
import { decodeCommit, decodeResults } from '../src/format/commit.ts';
import { decodeDentry } from '../src/format/dentry.ts';
import { decodeRecord } from '../src/format/records.ts';
import {
  decodeCommitPayload,
  FOOTER_BYTES,
  FRAME_KIND,
  SEGMENT_HEADER_BYTES,
} from '../src/format/segment.ts';
import { openFileSystem } from '../src/fs/open.ts';
import { fsckStore } from '../src/log/fsck.ts';
import type { DiskFile } from '../src/storage/disk.ts';
import { type Scanned, scanFrames } from '../src/storage/frame-scan.ts';
import { openNodeDisk } from '../src/storage/node-disk.ts';
import { readTable } from '../src/storage/sealed-segment.ts';
import { checkHeaderPage } from '../src/storage/segment-check.ts';
import { readSegmentHeader, SegmentReader } from '../src/storage/segment-files.ts';
import {
  counting,
  DIRECTORY,
  FILE_LOG,
  hex,
  noteRead,
  readHex,
  unreadFixtures,
  VOLUME,
} from './support/format-fixtures.ts';
import { Scratch } from './support/scratch.ts';

/** Stores of released versions open, and go on: see test/fixtures/format/v1/README.md. */

const TABLE_OFFSET = 15269;
/** Name of the system log. */
const SYSTEM_LOG = 'l2RrkEaeCJxwZg6EZ9x0THarB4_XKjbZHzPyjFT1Ico';
const SEGMENTS = ['store/segments/0000000001.seg', 'store/segments/0000000002.open'];
const STORE = fileURLToPath(new URL('store', DIRECTORY));

describe('a store of format version 1', () => {
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
    noteRead('store-padded/segments/0000000001.seg');
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

  it('store-freed/segments/0000000001.seg, written anew, has an edition, and padding where a chunk was', async () => {
    const reader = new SegmentReader(
      openNodeDisk(fileURLToPath(new URL('store-freed', DIRECTORY))),
    );
    noteRead('store-freed/segments/0000000001.seg');
    const file = await reader.file(1);
    assert.deepEqual((await checkHeaderPage(file, 1)).problems, []);
    const { version, edition } = await readSegmentHeader(file, 1);
    assert.deepEqual({ version, edition }, { version: 3, edition: counting(0x50).slice(0, 8) });
    const scanned = await scan(file, 1, (await file.size()) - FOOTER_BYTES);
    const { commit, chunk, padding, table } = FRAME_KIND;
    const expected = [
      [chunk, 12_288],
      [padding, 12_389],
      [commit, 16_884],
      [padding, 16_959],
      [chunk, 20_384],
    ];
    const places = scanned.map(({ header: { kind, offset } }) => [kind, offset]);
    const { entries, tableOffset } = await readTable(reader, 1);
    assert.deepEqual(places, [...expected, [table, tableOffset]]);
    assert.deepEqual(
      entries.map(({ kind, offset }) => [kind, offset]),
      expected,
    );
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
    using scratch = new Scratch();
    const { directory, keysDirectory } = copyStore(scratch);
    const { problems, notes, ...counts } = await fsckStore({ directory });
    assert.deepEqual([problems, notes], [[], []]);
    assert.deepEqual(counts, {
      segments: 2,
      volumes: 2,
      commits: 5,
      records: 15,
      chunks: 3,
      bytes: 36,
      trimmed: 0,
    });
    await checkServed({ directory, keysDirectory });
  });

  it('a store from before there were state maps says the root of its tree from its next commit on', async () => {
    using scratch = new Scratch();
    const { directory, keysDirectory } = copyStore(scratch);
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
  });

  it('every fixture of the store is read here', () => {
    assert.deepEqual(
      unreadFixtures().filter((name) => name.startsWith('store')),
      [],
    );
  });
});

/** The store with the key of its system log. */
function copyStore({ path }: Scratch): { directory: string; keysDirectory: string } {
  const [directory, keysDirectory] = [join(path, 'store'), join(path, 'keys')];
  cpSync(STORE, directory, { recursive: true });
  saveSystemKey(keysDirectory);
  return { directory, keysDirectory };
}

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

function openSegments(): SegmentReader {
  for (const name of SEGMENTS) noteRead(name);
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
