/** A log engine under the simplest layer above it: what the tests of src/log work on. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GdpfsError } from '../../src/base/errors.ts';
import { parseCheckpoint } from '../../src/format/checkpoint.ts';
import { decodeCommit, ZERO_DIGEST } from '../../src/format/commit.ts';
import { HashAlgorithm, LogKind } from '../../src/format/generated/gdpfs_pb.js';
import { MerkleFrontier } from '../../src/format/merkle.ts';
import { EMPTY_STATE_ROOT } from '../../src/format/state-node.ts';
import { encodePolicyRecord } from '../../src/format/policy.ts';
import { encodeRecord, FORMAT_VERSION, logName } from '../../src/format/records.ts';
import { type ChainState, verifyCommit } from '../../src/format/volume-chain.ts';
import type { Fold, PlacedRecord } from '../../src/log/fold.ts';
import { fsckStore } from '../../src/log/fsck.ts';
import { KeyStore } from '../../src/log/key-store.ts';
import { type OpenedLog, openLog, type OpenLogOptions } from '../../src/log/open.ts';
import type { Transaction } from '../../src/log/transaction.ts';

/** A table of the names that were appended. */
class NameFold implements Fold {
  #insert: StatementSync | undefined;

  apply(database: DatabaseSync, { volume, seq, body }: PlacedRecord): void {
    if (body.case !== 'dentry') return;
    const { name = '' } = body.value;
    if (name === 'unfoldable') throw new GdpfsError('corrupt', 'cannot fold it');
    this.#insert ??= database.prepare('INSERT INTO name (volume, seq, name) VALUES (?, ?, ?)');
    this.#insert.run(volume, seq, name);
  }

  mark(): number {
    return 0;
  }

  rollback(): void {}

  settle(): void {}

  stateRoot(): Uint8Array {
    return EMPTY_STATE_ROOT;
  }
}

const SCHEMA = 'CREATE TABLE name (volume INTEGER, seq INTEGER, name TEXT)';

/** A log engine in a folder of its own, with one log. */
export class LogFixture implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gdpfs-log-'));
  keys = new KeyStore(join(this.#folder, 'keys'));
  nowMs = 1_000_000;
  /** Name of the log, and its number in the index. */
  log: Uint8Array = new Uint8Array(0);
  id = 0;
  #opened: OpenedLog | undefined;

  readonly #options: Pick<OpenLogOptions, 'segmentLimits' | 'disk'>;

  constructor(options: Pick<OpenLogOptions, 'segmentLimits' | 'disk'> = {}) {
    this.#options = options;
  }

  static async open(options?: Pick<OpenLogOptions, 'segmentLimits' | 'disk'>): Promise<LogFixture> {
    const fixture = new LogFixture(options);
    await fixture.reopen();
    const { state, records } = newLog(fixture.keys);
    fixture.log = state.name;
    fixture.id = await fixture.engine.run((transaction) => transaction.createLog(state, records));
    return fixture;
  }

  get opened(): OpenedLog {
    assert(this.#opened !== undefined, 'it is open');
    return this.#opened;
  }

  get engine(): OpenedLog['engine'] {
    return this.opened.engine;
  }

  async openAgain(rebuild: boolean, directory = join(this.#folder, 'store')): Promise<OpenedLog> {
    return await openLog({
      directory,
      signer: this.keys,
      clock: { now: () => this.nowMs },
      fold: new NameFold(),
      schema: SCHEMA,
      warn: () => undefined,
      rebuild,
      ...this.#options,
    });
  }

  async reopen(rebuild = false): Promise<void> {
    await this.whileClosed(() => undefined, rebuild);
  }

  /** Does something to the files of the store. */
  async whileClosed(change: () => void, rebuild = false): Promise<void> {
    await this.#opened?.[Symbol.asyncDispose]();
    change();
    this.keys = new KeyStore(join(this.#folder, 'keys'));
    this.#opened = await this.openAgain(rebuild);
  }

  /** Folder of the store. */
  get directory(): string {
    return join(this.#folder, 'store');
  }

  /** What a check finds wrong. */
  async fsck(): Promise<string[]> {
    await this.#opened?.[Symbol.asyncDispose]();
    const { problems } = await fsckStore({ directory: join(this.#folder, 'store') });
    this.#opened = await this.openAgain(false);
    return problems.map(({ what }) => what);
  }

  /** The store as a process leaves it that is killed now. */
  async openKilled(): Promise<OpenedLog> {
    const directory = join(this.#folder, 'killed');
    const filter = (path: string): boolean => !path.endsWith('-shm');
    cpSync(join(this.#folder, 'store'), directory, { recursive: true, filter });
    return await this.openAgain(false, directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Appends dentries with these names as one change; returns the last seq. */
  append(transaction: Transaction, ...names: string[]): number {
    let seq = -1;
    for (const name of names)
      seq = transaction.append(this.id, { case: 'dentry', value: { name } });
    return seq;
  }

  async run(...names: string[]): Promise<number> {
    return await this.engine.run((transaction) => this.append(transaction, ...names));
  }

  /** What the layer above has folded and committed. */
  names(): string[] {
    const rows = this.opened.reader.prepare('SELECT name FROM name ORDER BY seq').all();
    return rows.map((row) => String(row['name']));
  }

  /** Checks all commits of the log; returns their times and how many records each has. */
  async verify(): Promise<{ readonly timesMs: number[]; readonly counts: number[] }> {
    let state: ChainState | undefined;
    const timesMs: number[] = [];
    const counts: number[] = [];
    for (const bytes of await this.engine.readCommits(this.id, { seq: 0, limit: 1000 })) {
      const commit = decodeCommit(bytes);
      state = verifyCommit(state, commit);
      timesMs.push(parseCheckpoint(commit.checkpoint).checkpoint.timeMs);
      counts.push(commit.records.length);
    }
    assert.equal(state?.count, this.engine.volumes.byName(this.log)?.count);
    return { timesMs, counts };
  }
}

/** A new log and its first records; its keys are stored. */
export function newLog(keys: KeyStore): {
  readonly state: ChainState;
  readonly records: Uint8Array[];
} {
  const owner = keys.create();
  const writer = keys.create();
  const meta = encodeRecord({
    case: 'meta',
    value: {
      version: FORMAT_VERSION,
      kind: LogKind.DIRECTORY,
      hash: HashAlgorithm.SHA256,
      nonce: new Uint8Array(randomBytes(16)),
      ownerKey: owner.publicKey,
    },
  });
  const name = logName(meta);
  const policy = encodePolicyRecord({
    volume: name,
    policy: {
      epoch: 1,
      writerKey: writer.publicKey,
      historyDays: 30,
      rotations: [],
      snapshots: [],
    },
    ownerKey: owner.privateKey,
  });
  keys.save(name, { owner, writer });
  const state: ChainState = {
    name,
    kind: LogKind.DIRECTORY,
    ownerKey: owner.publicKey,
    writerKey: writer.publicKey,
    epoch: 1,
    policy,
    count: 0,
    frontier: new MerkleFrontier().encode(),
    previous: ZERO_DIGEST,
    timeMs: 0,
    state: undefined,
  };
  return { state, records: [meta, policy] };
}
