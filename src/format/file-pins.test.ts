import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { flipBit } from '../../test/hostile-bytes.ts';
import { hexEncode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { type ErrorCode, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Commit, type FileLogPart, ZERO_DIGEST } from './commit.ts';
import { contentRoot } from './content.ts';
import type { FilePin } from './dentry.ts';
import { checkPins, type FileLogRecords, foldFileLog } from './file-pins.ts';
import { HashAlgorithm, LogKind, NodeKind } from './generated/gdpfs_pb.js';
import type { Chunk } from './manifest.ts';
import { leafHash, merkleRoot } from './merkle.ts';
import {
  encodeFchunk,
  encodeFileMeta,
  encodeRecord,
  FORMAT_VERSION,
  logName,
  NONCE_BYTES,
} from './records.ts';

class KeptLogs implements FileLogRecords {
  readonly #logs = new Map<string, readonly Uint8Array[]>();

  read(log: Uint8Array): readonly Uint8Array[] {
    return this.#logs.get(hexEncode(log)) ?? [];
  }

  append(log: Uint8Array, records: readonly Uint8Array[]): void {
    this.#logs.set(hexEncode(log), [...this.read(log), ...records]);
  }
}

interface FileVersion extends FilePin {
  readonly size: number;
}

const VOLUME = sha256(Uint8Array.of(0));
const RECORDS = [fileMeta(1), fchunk(0, 'abcd'), fchunk(4, 'ef'), fchunk(9, 'xy')];
const [META = assert.fail(), ...FCHUNKS] = RECORDS;

describe('checkPins()', () => {
  it('hands out every dentry with its seq, and the content of files', () => {
    const pin = versionOf(RECORDS);
    const directory = encodeRecord({
      case: 'dentry',
      value: { name: 'd', kind: NodeKind.DIRECTORY },
    });
    const removal = encodeRecord({ case: 'dentry', value: { node: 7n, removed: true } });
    const policy = encodeRecord({ case: 'volume', value: { policy: Uint8Array.of(1) } });
    const records = [policy, directory, file(pin), removal];
    const checked = checkPins(commit({ records, parts: [part(RECORDS)] }), new KeptLogs());
    assert.deepEqual(
      checked.map(({ dentry, manifest }) => [dentry.seq, manifest?.size]),
      [
        [11, undefined],
        [12, 11],
        [13, undefined],
      ],
    );
    const chunks = checked[1]?.manifest?.chunks;
    assert.deepEqual(chunks, [chunk(0, 'abcd'), chunk(4, 'ef'), chunk(9, 'xy')]);
  });

  it('checks an empty file, and a hole at the end', () => {
    const logs = new KeptLogs();
    const records = [META, end(5)];
    const files = [file(versionOf([META])), file(versionOf(records))];
    const checked = checkPins(commit({ records: files, parts: [part(records)] }), logs);
    const contents = checked.map(({ manifest }) => manifest);
    assert.deepEqual(contents, [
      { size: 0, chunks: [] },
      { size: 5, chunks: [] },
    ]);
  });

  it('follows a log through commits and parts, and finds every version in it', () => {
    const logs = new KeptLogs();
    const two = RECORDS.slice(0, 2);
    const first = commit({ records: [file(versionOf(two))], parts: [part(two)] });
    assert.equal(checkPins(first, logs)[0]?.manifest?.size, 4);
    const rest = RECORDS.slice(2).map((record, index) => part([record], index + 2));
    const versions = [versionOf(RECORDS), versionOf(two), versionOf(RECORDS.slice(0, 3))];
    const second = commit({ records: versions.map(file), parts: rest });
    const sizes = checkPins(second, logs).map(({ manifest }) => manifest?.size);
    assert.deepEqual(sizes, [11, 4, 6]);
    assert.deepEqual(logs.read(logName(META)), RECORDS);
  });

  it('takes records that no dentry pins, whatever they say', () => {
    const logs = new KeptLogs();
    const stray = [META, Uint8Array.of(1, 2, 3)];
    assert.deepEqual(checkPins(commit({ records: [], parts: [part(stray)] }), logs), []);
    assert.equal(logs.read(logName(META)).length, 2);
  });

  const pin = versionOf(RECORDS);
  const other = sha256(Uint8Array.of(9));
  const wrongPins: Readonly<Record<string, FileVersion>> = {
    'another root': { ...pin, root: other },
    'the root of another version': { ...pin, root: versionOf(RECORDS.slice(0, 3)).root },
    'another content root': { ...pin, content: other },
    'the content root of another version': {
      ...pin,
      content: versionOf(RECORDS.slice(0, 3)).content,
    },
    'a larger size': { ...pin, size: pin.size + 1 },
    'a smaller size': { ...pin, size: pin.size - 1 },
    'fewer records than its roots are over': { ...pin, logCount: pin.logCount - 1 },
    'more records than the log has': { ...pin, logCount: pin.logCount + 1 },
    'a log that nobody has seen': { ...pin, log: other },
  };
  for (const [what, version] of Object.entries(wrongPins)) {
    it(`refuses a dentry with ${what}`, () => {
      refuses('untrusted', { records: [file(version)], parts: [part(RECORDS)] });
    });
  }

  const dentries = [file(pin)];
  const forged = [META, fchunk(0, 'ABCD'), ...RECORDS.slice(2)];
  const wrongParts: Readonly<Record<string, readonly FileLogPart[]>> = {
    'no part': [],
    'a part that ends too early': [part(RECORDS.slice(0, 3))],
    'a part without its first record': [part(FCHUNKS, 1)],
    'a gap between its parts': [part(RECORDS.slice(0, 2)), part(RECORDS.slice(3), 3)],
    'parts that overlap': [part(RECORDS.slice(0, 3)), part(RECORDS.slice(2), 2)],
    'parts in the wrong order': [part(RECORDS.slice(2), 2), part(RECORDS.slice(0, 2))],
    'a log that is begun twice': [part(RECORDS), part(RECORDS)],
    'a part with the name of another log': [{ ...part(RECORDS), log: other }],
    'the records of another log': [{ ...part([fileMeta(2), ...FCHUNKS]), log: logName(META) }],
    'a part of no records': [part(RECORDS), { ...part(RECORDS), log: other, records: [] }],
    'a forged record': [part(forged)],
    'a record more in the middle': [part([META, fchunk(0, 'z'), ...FCHUNKS])],
    'records in another order': [part([META, ...FCHUNKS.toReversed()])],
  };
  for (const [what, parts] of Object.entries(wrongParts)) {
    it(`refuses a commit with ${what}`, () => refuses('untrusted', { records: dentries, parts }));
  }

  it('refuses a later part that does not go on where the log ends', () => {
    for (const firstSeq of [0, 1, 3]) {
      const logs = new KeptLogs();
      checkPins(commit({ records: [], parts: [part(RECORDS.slice(0, 2))] }), logs);
      const parts = [part(RECORDS.slice(firstSeq), firstSeq)];
      refuses('untrusted', { records: [], parts }, logs);
    }
  });

  it('refuses parts with any bit flipped', () => {
    const records = [META, fchunk(0, 'ab')];
    const version = file(versionOf(records));
    for (const [index, record] of records.entries()) {
      fc.assert(
        fc.property(fc.nat(record.length * 8 - 1), (bit) => {
          const { log } = part(records);
          const damaged = { log, firstSeq: 0, records: records.with(index, flipBit(record, bit)) };
          refuses('untrusted', { records: [version], parts: [damaged] });
        }),
      );
    }
  });

  it('refuses, as corrupt, what its writer signed but no file can be', () => {
    const inside = [META, fchunk(0, 'abcd'), fchunk(2, 'x')];
    const meta = encodeRecord({
      case: 'meta',
      value: {
        version: FORMAT_VERSION,
        kind: LogKind.DIRECTORY,
        hash: HashAlgorithm.SHA256,
        nonce: new Uint8Array(NONCE_BYTES),
      },
    });
    for (const records of [inside, [META, META], [meta], [fchunk(0, 'a')]]) {
      const version = { ...versionOf([META]), ...logOf(records) };
      refuses('corrupt', { records: [file(version)], parts: [part(records)] });
    }
    const nameless = { case: 'dentry', value: { kind: NodeKind.DIRECTORY } } as const;
    refuses('corrupt', { records: [encodeRecord(nameless)], parts: [] });
    refuses('corrupt', { records: [Uint8Array.of(1)], parts: [] });
  });
});

describe('foldFileLog()', () => {
  it('adds up the fchunks behind the meta record', () => {
    assert.deepEqual(foldFileLog([META, fchunk(0, 'abcd'), fchunk(4, 'ef'), end(4)]), {
      size: 4,
      chunks: [chunk(0, 'abcd')],
    });
  });

  it('refuses a log without records, without meta, or with an fchunk that cannot follow', () => {
    for (const records of [[], FCHUNKS, [META, fchunk(0, 'abcd'), end(3)]]) {
      assert.throws(
        () => foldFileLog(records),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    }
  });
});

function fileMeta(id: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES).fill(id);
  return encodeFileMeta({ nonce, createdMs: 0, chunkSize: LIMITS.chunkBytesDefault });
}

function chunk(offset: number, text: string): Chunk {
  const data = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return { offset, length: data.length, checksum: crc32(data), digest: sha256(data) };
}

function fchunk(offset: number, text: string): Uint8Array {
  return encodeFchunk(chunk(offset, text));
}

/** The file has `size` bytes from now on. */
function end(size: number): Uint8Array {
  return encodeFchunk({ offset: size, length: 0, checksum: 0, digest: new Uint8Array(0) });
}

function logOf(records: readonly Uint8Array[]): Omit<FilePin, 'content'> {
  const [first = assert.fail()] = records;
  const root = merkleRoot(records.map(leafHash));
  return { log: logName(first), logCount: records.length, root };
}

/** What an honest writer pins of these records. */
function versionOf(records: readonly Uint8Array[]): FileVersion {
  const manifest = foldFileLog(records);
  return { ...logOf(records), content: contentRoot(manifest), size: manifest.size };
}

function file({ size, logCount, ...pin }: FileVersion): Uint8Array {
  const counts = { size: BigInt(size), logCount: BigInt(logCount) };
  return encodeRecord({
    case: 'dentry',
    value: { name: 'f', kind: NodeKind.FILE, ...pin, ...counts },
  });
}

function part(records: readonly Uint8Array[], firstSeq = 0): FileLogPart {
  return { log: logName(firstSeq === 0 ? (records[0] ?? META) : META), firstSeq, records };
}

/** `checkPins` looks at dentries and parts only. */
function commit({ records, parts }: Pick<Commit, 'records' | 'parts'>): Commit {
  const head = { volume: VOLUME, epoch: 1, firstSeq: 10, previous: ZERO_DIGEST };
  return { ...head, records, parts, checkpoint: new Uint8Array(0) };
}

function refuses(
  code: ErrorCode,
  content: Pick<Commit, 'records' | 'parts'>,
  logs = new KeptLogs(),
): void {
  assert.throws(
    () => checkPins(commit(content), logs),
    (error) => {
      assert(isGdpfsError(error), String(error));
      assert.equal(error.code, code, error.message);
      return true;
    },
  );
}
