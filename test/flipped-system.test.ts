/** Bits of the records that say who may do what: the server's own log, as it lies in the segments. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { GdpfsError } from '../src/base/errors.ts';
import { type Commit, decodeCommit } from '../src/format/commit.ts';
import { LogKind, Permission, Role } from '../src/format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../src/format/record-encoder.ts';
import { decodeRecord } from '../src/format/records.ts';
import { decodeCommitPayload, FRAME_KIND, SEGMENT_HEADER_BYTES } from '../src/format/segment.ts';
import { type ChainState, verifyCommit } from '../src/format/volume-chain.ts';
import { openFileSystem } from '../src/fs/open.ts';
import { scanFrames } from '../src/storage/frame-scan.ts';
import { openNodeDisk } from '../src/storage/node-disk.ts';
import { readSegmentHeader } from '../src/storage/segment-files.ts';
import { Scratch } from './support/scratch.ts';

const NAME = new Uint8Array(32).fill(7);
const ENROLMENT = new Uint8Array(16).fill(9);
const RECORDS: readonly SystemRecordInit[] = [
  { body: { case: 'principal', value: { name: 'eve', role: Role.ADMIN, createdMs: 1n } } },
  {
    body: {
      case: 'grant',
      value: { volume: NAME, node: 4n, subject: 'eve', permission: Permission.READ },
    },
  },
  { body: { case: 'revocation', value: { enrolment: ENROLMENT } } },
  { body: { case: 'quota', value: { volume: NAME, bytes: 10n, entries: 10n } } },
  { body: { case: 'volume', value: { name: NAME, alias: 'a', owner: 'eve' } } },
];

let commits: Commit[];

before(async () => {
  using scratch = new Scratch();
  const directory = join(scratch.path, 'store');
  {
    await using store = await openFileSystem({
      directory,
      keysDirectory: join(scratch.path, 'keys'),
      clock: { now: () => 1_800_000_000_000 },
      warn: (message) => assert.fail(message),
    });
    for (const record of RECORDS) {
      await store.system.change(() => ({ records: [record], result: undefined }));
    }
  }
  commits = await commitsIn(directory);
});

async function commitsIn(directory: string): Promise<Commit[]> {
  const disk = openNodeDisk(directory);
  const found: Commit[] = [];
  for (const name of await disk.list('segments')) {
    const file = await disk.open(`segments/${name}`);
    const segment = Number(/\d{10}/.exec(name)?.[0]);
    const { storeId } = await readSegmentHeader(file, segment);
    const from = SEGMENT_HEADER_BYTES;
    const place = { storeId, segment, from, end: await file.size(), payloadsFrom: from };
    for await (const item of scanFrames(file, place)) {
      if (item.kind !== 'frame' || item.header.kind !== FRAME_KIND.commit) continue;
      found.push(decodeCommit(decodeCommitPayload(item.payload).commit));
    }
    await file.close();
  }
  return found;
}

function verify(all: readonly Commit[]): ChainState | undefined {
  let state: ChainState | undefined;
  for (const commit of all) state = verifyCommit(state, commit);
  return state;
}

test('the log that is tampered with is good, and has records of each kind', () => {
  assert.equal(verify(commits)?.kind, LogKind.SYSTEM);
  const kinds = commits.flatMap(({ records }) =>
    records.flatMap((bytes) => {
      const body = decodeRecord(bytes);
      return body.case === 'system' ? (body.value.body.case ?? []) : [];
    }),
  );
  for (const { body } of RECORDS) assert(kinds.includes(body?.case as never), body?.case);
});

test('any flipped bit of a record of the system log is found', () => {
  for (const [index, commit] of commits.entries()) {
    for (const [number, record] of commit.records.entries()) {
      for (let bit = 0; bit < record.length * 8; bit += 3) {
        const flipped = record.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const records = commit.records.with(number, flipped);
        assert.throws(
          () => verify(commits.with(index, { ...commit, records })),
          (error) => error instanceof GdpfsError && /untrusted|corrupt/.test(error.code),
          `${index}/${number} bit ${bit}`,
        );
      }
    }
  }
});
