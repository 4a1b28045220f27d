import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Dentry, decodeDentry, parseLinkTarget } from './dentry.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import type { DentryInit } from './record-encoder.ts';
import { decodeRecord, encodeRecord } from './records.ts';

const LOG = sha256(Uint8Array.of(1));
const ROOT = sha256(Uint8Array.of(2));
const CONTENT = sha256(Uint8Array.of(3));
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

const PLACE = { parent: 3n, name: 'n', mode: 0o644, mtimeUs: -5n, author: 'alice' };
const PIN = { log: LOG, logCount: 2n, root: ROOT, content: CONTENT };
const FILE = { ...PLACE, kind: NodeKind.FILE, size: 7n, ...PIN } satisfies DentryInit;
const DIRECTORY = { ...PLACE, kind: NodeKind.DIRECTORY } satisfies DentryInit;
const SYMLINK = { ...PLACE, kind: NodeKind.SYMLINK, target: '../x' } satisfies DentryInit;

describe('decodeDentry()', () => {
  it('numbers a new node by the seq of its record', () => {
    assert.deepEqual(decodeDentry(9, FILE), {
      seq: 9,
      node: 9,
      isNew: true,
      parent: 3,
      name: 'n',
      kind: NodeKind.FILE,
      size: 7,
      mode: 0o644,
      mtimeUs: -5,
      author: 'alice',
      file: { log: LOG, logCount: 2, root: ROOT, content: CONTENT },
      target: undefined,
    });
  });

  it('takes the number of a node that is there from the record, 0 too', () => {
    for (const node of [0n, 4n, 9n, SAFE_MAX]) {
      assert.partialDeepStrictEqual(decodeDentry(9, { ...FILE, node }), {
        node: Number(node),
        isNew: false,
      });
    }
  });

  it('gives what is absent the default of proto3', () => {
    const { parent, mode, mtimeUs, author, size } = decodePlaced({
      name: 'n',
      kind: NodeKind.DIRECTORY,
    });
    assert.deepEqual([parent, mode, mtimeUs, author, size], [0, 0, 0, '', 0]);
  });

  it('takes the largest and smallest values', () => {
    const most = {
      parent: SAFE_MAX,
      name: 'x'.repeat(LIMITS.nameBytesMax),
      size: SAFE_MAX,
      mode: 0o7777,
      logCount: BigInt(LIMITS.fileRecordsMax),
    };
    for (const mtimeUs of [SAFE_MAX, -SAFE_MAX]) {
      const dentry = decodePlaced({ ...FILE, ...most, mtimeUs });
      assert.equal(dentry.size, Number.MAX_SAFE_INTEGER);
      assert.equal(dentry.mtimeUs, Number(mtimeUs));
      assert.equal(dentry.file?.logCount, LIMITS.fileRecordsMax);
    }
    assert.equal(decodePlaced({ ...FILE, logCount: 1n }).file?.logCount, 1);
  });

  it('ignores the pin of what is no file, and the target of what is no link', () => {
    for (const init of [DIRECTORY, SYMLINK]) {
      assert.equal(decodePlaced({ ...init, ...PIN }).file, undefined);
    }
    for (const init of [DIRECTORY, FILE]) {
      assert.equal(decodePlaced({ ...init, target: '' }).target, undefined);
      assert.equal(decodePlaced({ ...init, target: 'a\0b' }).target, undefined);
    }
  });

  it('reads no more of a removal than which node it is', () => {
    const people = { parent: -1n, name: '', kind: NodeKind.UNSPECIFIED, mode: 0o10000 };
    const removal = { seq: 9, node: 4, removed: true };
    assert.deepEqual(decodeDentry(9, { ...people, node: 4n, removed: true }), removal);
  });

  const wrong: Readonly<Record<string, DentryInit>> = {
    'a negative parent': { ...FILE, parent: -1n },
    'a parent over 2^53 - 1': { ...FILE, parent: SAFE_MAX + 1n },
    'no name': { ...FILE, name: '' },
    'a name that is a path': { ...FILE, name: 'a/b' },
    'a name that is the directory itself': { ...FILE, name: '.' },
    'a name that is the directory above': { ...FILE, name: '..' },
    'a name with a NUL': { ...FILE, name: 'a\0' },
    'a name that is not Unicode': { ...FILE, name: '\ud800' },
    'a name over the limit': { ...FILE, name: 'x'.repeat(LIMITS.nameBytesMax + 1) },
    'a parent that is no integer': { ...FILE, parent: 0.5 },
    'a size that is no number': { ...FILE, size: Number.NaN },
    'a negative node': { ...FILE, node: -1n },
    'a node over 2^53 - 1': { ...FILE, node: SAFE_MAX + 1n },
    'no kind': { ...FILE, kind: NodeKind.UNSPECIFIED },
    'an unknown kind': { ...FILE, kind: 4 as NodeKind },
    'a negative size': { ...FILE, size: -1n },
    'a size over 2^53 - 1': { ...FILE, size: SAFE_MAX + 1n },
    'a size of a directory': { ...DIRECTORY, size: 1n },
    'a size of a symbolic link': { ...SYMLINK, size: 1n },
    'a mode over 07777': { ...FILE, mode: 0o10000 },
    'a time over 2^53 - 1': { ...FILE, mtimeUs: SAFE_MAX + 1n },
    'a time under -(2^53 - 1)': { ...FILE, mtimeUs: -SAFE_MAX - 1n },
    'no log': { ...FILE, log: new Uint8Array(0) },
    'a short log': { ...FILE, log: LOG.subarray(1) },
    'a long log': { ...FILE, log: new Uint8Array(33) },
    'no root': { ...FILE, root: new Uint8Array(0) },
    'a short root': { ...FILE, root: ROOT.subarray(1) },
    'no content root': { ...FILE, content: new Uint8Array(0) },
    'a long content root': { ...FILE, content: new Uint8Array(33) },
    'a log of no records': { ...FILE, logCount: 0n },
    'a negative log count': { ...FILE, logCount: -1n },
    'a log over the limit': { ...FILE, logCount: BigInt(LIMITS.fileRecordsMax) + 1n },
    'a log count over 2^53 - 1': { ...FILE, logCount: 2n ** 64n - 1n },
    'no target': { ...SYMLINK, target: '' },
    'a target with a NUL': { ...SYMLINK, target: 'a\0b' },
    'a target that is not Unicode': { ...SYMLINK, target: 'a\udc00' },
    'a target over the limit': { ...SYMLINK, target: 'x'.repeat(LIMITS.symlinkTargetBytesMax + 1) },
    'a removal without a node': { ...FILE, removed: true },
    'a removal of a negative node': { node: -1n, removed: true },
    'a removal of a node over 2^53 - 1': { node: SAFE_MAX + 1n, removed: true },
  };
  for (const [what, init] of Object.entries(wrong)) {
    it(`refuses ${what}, and says which record it is`, () => {
      assert.throws(
        () => decodeDentry(41, init),
        (error) => {
          assert(isGdpfsError(error, 'corrupt'), String(error));
          assert.match(error.message, /^cannot apply dentry 41: ./);
          return true;
        },
      );
    });
  }

  it('has the same record, and reads the same, of numbers as of BigInts', () => {
    fc.assert(
      fc.property(dentries, (dentry) => {
        const value = initOf(dentry);
        const plain: DentryInit = {
          ...value,
          ...(value.node !== undefined && { node: Number(value.node) }),
          parent: dentry.parent,
          size: dentry.size,
          mtimeUs: dentry.mtimeUs,
          ...(dentry.file && { logCount: dentry.file.logCount }),
        };
        const record = encodeRecord({ case: 'dentry', value: plain });
        assert.deepEqual(record, encodeRecord({ case: 'dentry', value }));
        assert.deepEqual(decodeDentry(dentry.seq, plain), dentry);
      }),
    );
  });

  it('reads what a writer meant, through the bytes of the record', () => {
    fc.assert(
      fc.property(dentries, (dentry) => {
        const body = decodeRecord(encodeRecord({ case: 'dentry', value: initOf(dentry) }));
        assert(body.case === 'dentry');
        assert.deepEqual(decodeDentry(dentry.seq, body.value), dentry);
      }),
    );
  });

  it('survives any values: it decodes them or says corrupt', () => {
    fc.assert(
      fc.property(fc.nat(1000), anyInits, (seq, init) => {
        try {
          const dentry = decodeDentry(seq, init);
          assert.equal(dentry.seq, seq);
          assert(Number.isSafeInteger(dentry.node) && dentry.node >= 0);
        } catch (error) {
          assert(isGdpfsError(error, 'corrupt'), String(error));
        }
      }),
    );
  });
});

describe('parseLinkTarget()', () => {
  it('takes any path, up to the limit in bytes', () => {
    const longest = `a${'ä'.repeat((LIMITS.symlinkTargetBytesMax - 1) / 2)}`;
    for (const target of ['a', '/', '../..', 'a//b', ' ', 'a\nb', longest]) {
      assert.equal(parseLinkTarget(target), target);
    }
    assert.throws(
      () => parseLinkTarget(`${longest}ä`),
      (error) => isGdpfsError(error, 'name_too_long'),
    );
  });

  it('refuses what symlink(2) could not keep', () => {
    for (const target of ['', '\0', 'a\0', '\ud800', 'a\udfff']) {
      assert.throws(
        () => parseLinkTarget(target),
        (error) => isGdpfsError(error, 'bad_request'),
      );
    }
  });
});

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });
const texts = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const names = texts.filter((text) => !text.includes('/') && text !== '.' && text !== '..');
const kinds = fc.constantFrom(NodeKind.FILE, NodeKind.DIRECTORY, NodeKind.SYMLINK);

/** Every dentry that there can be, but removals. */
const dentries: fc.Arbitrary<Dentry> = fc
  .record({
    seq: fc.maxSafeNat(),
    other: fc.option(fc.maxSafeNat(), { nil: undefined }),
    parent: fc.maxSafeNat(),
    name: names,
    kind: kinds,
    size: fc.maxSafeNat(),
    mode: fc.nat(0o7777),
    mtimeUs: fc.maxSafeInteger(),
    author: texts,
    file: fc.record(
      {
        log: digests,
        logCount: fc.integer({ min: 1, max: LIMITS.fileRecordsMax }),
        root: digests,
        content: digests,
      },
      { noNullPrototype: true },
    ),
    target: texts,
  })
  .map(({ other, kind, size, file, target, seq, ...rest }) => ({
    ...rest,
    seq,
    node: other ?? seq,
    isNew: other === undefined,
    kind,
    size: kind === NodeKind.FILE ? size : 0,
    file: kind === NodeKind.FILE ? file : undefined,
    target: kind === NodeKind.SYMLINK ? target : undefined,
  }));

function initOf(dentry: Dentry): DentryInit {
  const { node, isNew, parent, name, kind, size, mode, mtimeUs, author, file, target } = dentry;
  return {
    ...(isNew ? {} : { node: BigInt(node) }),
    parent: BigInt(parent),
    name,
    kind,
    size: BigInt(size),
    mode,
    mtimeUs: BigInt(mtimeUs),
    author,
    ...(file === undefined ? {} : { ...file, logCount: BigInt(file.logCount) }),
    ...(target === undefined ? {} : { target }),
  };
}

const anyBytes = fc.oneof(digests, fc.uint8Array({ maxLength: 40 }));

/** Every field with any value that the message can hold, or none. */
const anyInits: fc.Arbitrary<DentryInit> = fc.record(
  {
    parent: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    name: fc.oneof(names, fc.string()),
    node: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    kind: fc.nat(5).map((kind) => kind as NodeKind),
    log: anyBytes,
    size: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    root: anyBytes,
    logCount: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    content: anyBytes,
    mode: fc.nat(2 ** 32 - 1),
    mtimeUs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    author: fc.string(),
    removed: fc.boolean(),
    target: fc.string({ unit: 'binary' }),
  },
  { requiredKeys: [] },
);

function decodePlaced(init: DentryInit): Dentry {
  const dentry = decodeDentry(9, init);
  assert(!('removed' in dentry));
  return dentry;
}
