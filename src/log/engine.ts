import type { DatabaseSync } from 'node:sqlite';
import { asBuffer, utf8Encode } from '../base/bytes.ts';
import { crc32Combine } from '../base/crc-combine.ts';
import { crc32Short } from '../base/crc-short.ts';
import type { Clock } from '../base/clock.ts';
import { crc32, formatDigest } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodePartRecords } from '../format/commit.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { decodeCommitPayload, FRAME_KIND } from '../format/segment.ts';
import { asIndexError, type IndexDatabase } from '../storage/index-db.ts';
import type { SegmentStore } from '../storage/segment-store.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { Backlog } from './backlog.ts';
import { type Batch, runPlans } from './batch.ts';
import { ChunkReader } from './chunk-reader.ts';
import type { ChunkTable } from './chunk-table.ts';
import { CommitIndex, type RequestKey } from './commit-index.ts';
import type { EngineStatus } from './engine-status.ts';
import type { Fold } from './fold.ts';
import { Growth } from './growth.ts';
import type { Signer } from './key-store.ts';
import { LogTree } from './log-tree.ts';
import type { PartTable } from './part-table.ts';
import { type SealedCommit, sealCommit } from './seal.ts';
import { type Job, Sequencer } from './sequencer.ts';
import type { Signature } from './staged.ts';
import type { Sweep } from './sweep.ts';
import { Sweeps } from './sweeps.ts';
import { Transaction, withSignature } from './transaction.ts';
import { volumeDamaged, VolumeTable } from './volume-table.ts';
import { earlier } from './waiting-rows.ts';

/** Index writes waiting for a transaction that make one begin on their own account. */
const LATER_MAX = 1024;
/** Records after which the index is checkpointed when there is a moment for it. */
const CHECKPOINT_RECORDS = 2000;
/** Batches between two removals of expired request results. */
const EXPIRY_BATCHES = 1000;

export interface RunOptions {
  readonly urgent?: boolean;
  /** A repeat of this request gets the first answer; its result must be JSON. */
  readonly request?: RequestKey;
  /** Of what the plan appends to a log whose key is not here. */
  readonly signature?: Signature;
}

/** A chunk's bytes with what identifies and guards them. */
export interface StoredChunk {
  readonly digest: Uint8Array;
  readonly data: Uint8Array;
  /** CRC-32 of `data`, if the caller has computed it. */
  readonly checksum?: number;
}

/** A commit that is durable. */
type Stored = SealedCommit & { readonly location: FrameLocation };

/** The log engine: chunks and commits go in, are durable when acknowledged, and can be read back. */
export class LogEngine {
  readonly #index: IndexDatabase;
  readonly #segments: SegmentStore;
  readonly #commits: CommitIndex;
  /** The same tables as they are committed, for reading. */
  readonly #committed: CommitIndex;
  readonly #clock: Clock;
  readonly #signer: Signer;
  readonly #fold: Fold;
  readonly #sequencer: Sequencer;
  readonly #writerVolumes: VolumeTable;
  readonly #tree: LogTree;
  /** Index writes that wait for the next transaction and are not part of any log. */
  #later: ((database: DatabaseSync) => void)[] = [];
  #batches = 0;
  /** Records committed since the index was checkpointed. */
  #recordsSince = 0;
  /** Set when the index failed behind a durable commit: only a restart knows what it holds. */
  #failure: GdpfsError | undefined;
  /** Why volumes are closed for writing, by name. */
  readonly #damaged: ReadonlyMap<string, string>;
  /** What is committed and durable. */
  readonly volumes: VolumeTable;
  readonly chunks: ChunkTable;
  readonly parts: PartTable;
  readonly #backlog: Backlog;
  readonly #sweeps: Sweeps;
  readonly chunkReader: ChunkReader;
  readonly growth: Growth = new Growth();

  constructor(parts: {
    readonly index: IndexDatabase;
    readonly segments: SegmentStore;
    readonly commits: CommitIndex;
    readonly chunks: ChunkTable;
    readonly parts: PartTable;
    readonly clock: Clock;
    readonly signer: Signer;
    readonly fold: Fold;
  }) {
    this.#index = parts.index;
    this.#segments = parts.segments;
    this.#commits = parts.commits;
    this.#committed = new CommitIndex(parts.index.reader);
    this.#clock = parts.clock;
    this.#signer = parts.signer;
    this.#fold = parts.fold;
    this.chunks = parts.chunks;
    this.parts = parts.parts;
    this.#backlog = new Backlog({
      tables: [this.chunks.waiting, this.parts.waiting],
      run: async (begin) => this.#sequencer.run(begin, { urgent: true }),
      rest: () => this.#checkpoint(),
    });
    const later = (write: () => void): void => this.later(write);
    this.chunkReader = new ChunkReader({ ...parts, later });
    const { space } = parts.segments;
    const run = async <T>(turn: () => T): Promise<T> => this.#sequencer.run(turn, { urgent: true });
    this.#sweeps = new Sweeps({ ...parts, space, committed: this.#committed, run }, async () => {
      await this.flush();
      await this.#backlog.write(this.#segments.position);
    });
    this.volumes = new VolumeTable(parts.index.reader);
    this.#damaged = this.volumes.damaged();
    this.#writerVolumes = new VolumeTable(parts.index.writer);
    this.#tree = new LogTree(parts.index.reader);
    this.#sequencer = new Sequencer(async (jobs) => this.#runBatch(jobs));
  }

  get status(): EngineStatus {
    const { status: segments } = this.#segments;
    return {
      segments,
      changesWaiting: this.#sequencer.waiting,
      rowsWaiting: this.#backlog.size,
      hasFailed: segments.hasFailed || this.#failure !== undefined,
    };
  }

  /**
   * Runs `plan` in its turn. What it appends is durable, signed and visible when this resolves; if
   * it throws, nothing of it happened.
   */
  async run<T>(plan: (transaction: Transaction) => T, options: RunOptions = {}): Promise<T> {
    const { request, signature, urgent = false } = options;
    const purpose = signature === undefined ? 'change' : 'signed';
    const signed = signature === undefined ? plan : withSignature(plan, signature);
    if (request === undefined) return await this.#sequencer.run(signed, { urgent, purpose });
    return await this.#sequencer.run(
      (transaction) => {
        const first = this.#commits.firstResult(request);
        if (first !== undefined) return first as T;
        const result = signed(transaction);
        const body = utf8Encode(JSON.stringify(result));
        const kept = { ...request, timeMs: this.#clock.now(), body };
        if (transaction.keepResult(kept)) this.#commits.addResult(kept);
        return result;
      },
      { urgent, purpose },
    );
  }

  /** Runs `plan` in its turn to see what it would do; nothing of it happens. */
  async try<T>(plan: (transaction: Transaction) => T): Promise<T> {
    return await this.#sequencer.run(plan, { purpose: 'trial' });
  }

  /**
   * The durable first answer to a request that was made before; for those who must look at the state
   * before they can ask for a change. Throws `request_reused`.
   */
  firstResult(request: RequestKey): unknown {
    return this.#committed.firstResult(request);
  }

  /** Does an index write that is no log's business with the next transaction. */
  later(write: (database: DatabaseSync) => void): void {
    this.#later.push(write);
    if (this.#later.length === LATER_MAX) void this.flush().catch(() => undefined);
  }

  /** Resolves when all index writes so far are done. */
  async flush(): Promise<void> {
    await this.#sequencer.run(() => undefined, { urgent: true });
  }

  /**
   * Stores the bytes of chunks of the volume of that name, whose digests the caller has checked.
   * Durable when it resolves.
   */
  async appendChunks(volume: Uint8Array, chunks: readonly StoredChunk[]): Promise<void> {
    const damage = this.#damaged.get(asBuffer(volume).toString('latin1'));
    if (damage !== undefined) throw volumeDamaged(damage);
    const volumeChecksum = crc32(volume);
    const frames = chunks.map(({ digest, data, checksum = crc32(data) }) => {
      const payload = [volume, digest, data];
      const head = crc32Short(digest, digest.length, volumeChecksum);
      const whole = crc32Combine(head, checksum, data.length);
      return { kind: FRAME_KIND.chunk, volume, digest, payload, checksum: whole };
    });
    await this.#segments.append(frames);
    this.#backlog.grown();
  }

  /** The first `count` records of a file log. Throws `corrupt` if some are missing. */
  async readFileLog(volume: number, log: Uint8Array, count: number): Promise<Uint8Array[]> {
    const records: Uint8Array[] = [];
    for (const part of this.parts.list(volume, log, count)) {
      if (part.firstSeq !== records.length) break;
      const bytes = part.records ?? (await this.#segments.readBytes(part.place));
      // One by one: a call with a million arguments overflows the stack.
      for (const record of decodePartRecords(bytes)) records.push(record);
    }
    if (records.length < count) {
      const log64 = formatDigest(log);
      throw new GdpfsError('corrupt', `cannot read file log ${log64}: records are missing`);
    }
    return records.slice(0, count);
  }

  /** The same, at once, if the index itself has them: those of a small file that was written once. */
  indexedFileLog(volume: number, log: Uint8Array, count: number): Uint8Array[] | undefined {
    const records = this.parts.whole(volume, log, count);
    return records === undefined ? undefined : decodePartRecords(records);
  }

  /** Records that the file log has in all, versions newer than the caller's included. */
  fileLogCount(volume: number, log: Uint8Array): number {
    return this.parts.count(volume, log);
  }

  /** Encoded commits from the one that holds `seq` on, at most `limit`, and where to go on. */
  async readCommits(
    volume: number,
    from: { readonly seq: number; readonly limit: number },
  ): Promise<Uint8Array[]> {
    const commits: Uint8Array[] = [];
    for (const place of this.#committed.frames(volume, from)) {
      commits.push(decodeCommitPayload(await this.#segments.readFrame(place)).commit);
    }
    return commits;
  }

  /** The encoded commit that holds record `seq` - 1. */
  async readCommitBefore(volume: number, seq: number): Promise<Uint8Array | undefined> {
    const place = this.#committed.frameBefore(volume, seq);
    if (place === undefined) return undefined;
    return decodeCommitPayload(await this.#segments.readFrame(place)).commit;
  }

  /** PATH of RFC 6962 from record `index` to the root over the log's first `count`. */
  inclusion(
    volume: number,
    leaf: { readonly index: number; readonly count: number },
  ): Uint8Array[] {
    return this.#tree.inclusion(volume, leaf);
  }

  /**
   * PROOF of RFC 6962 that the log's first `since` records are the beginning of its first `until`.
   * Both are at most the log's count.
   */
  consistency(
    volume: number,
    range: { readonly since: number; readonly until: number },
  ): Uint8Array[] {
    return this.#tree.consistency(volume, range);
  }

  /** Records that the log had at `timeMs`; 0 before its first commit. */
  countAt(volume: number, timeMs: number): number {
    return this.#committed.countAt(volume, timeMs);
  }

  /** Begins to look which chunks are kept, to free the others. Throws `busy` if somebody does already. */
  async beginSweep(): Promise<Sweep> {
    return await this.#sweeps.begin();
  }

  /** Finishes what was accepted, stores the index, and closes. */
  async close(): Promise<void> {
    await this.#sweeps.close();
    await this.flush().catch(() => undefined);
    await this.#backlog.close();
    await this.#sequencer.close();
    await this.#segments.close();
    this.#index.close();
  }

  /** One batch: one transaction of the index, one append to the segments. Returns the jobs taken. */
  async #runBatch(jobs: readonly Job[]): Promise<number> {
    if (this.#failure !== undefined) {
      for (const job of jobs) job.reject(this.#failure);
      return jobs.length;
    }
    const database = this.#index.writer;
    const { position } = this.#segments;
    const later = this.#later;
    let batch: Batch = { taken: jobs.length, planned: jobs.map((job) => ({ job, result: 0 })) };
    let isDurable = false;
    try {
      database.exec('BEGIN IMMEDIATE');
      this.#writeLater();
      const transaction = new Transaction({
        database,
        volumes: this.#writerVolumes,
        parts: this.parts,
        signer: this.#signer,
        fold: this.#fold,
      });
      batch = runPlans(transaction, this.#fold, jobs);
      const stored = await this.#store(transaction, jobs[0]?.urgent === true);
      isDurable = stored.length > 0;
      for (const one of stored) this.#commits.add(one.volume, one.state, one);
      for (const { volume, used } of transaction.staged) {
        for (const digest of used) this.chunks.use(volume.id, digest);
      }
      this.#backlog.writeSome();
      this.#commits.setPosition(earlier(position, this.#backlog.from ?? position));
      database.exec('COMMIT');
      this.#backlog.settle({ isCommitted: true });
      for (const one of stored) {
        this.parts.add(one.volume, one);
        this.#recordsSince += one.commit.records.length;
      }
      for (const { job, result } of batch.planned) job.resolve(result);
      for (const { volume } of transaction.staged) this.growth.grown(volume.id);
    } catch (cause) {
      const error = asIndexError(cause);
      if (database.isTransaction) database.exec('ROLLBACK');
      this.#backlog.settle({ isCommitted: false });
      this.#fold.rollback(0);
      if (this.#later !== later) this.#later.unshift(...later);
      if (isDurable) this.#fail(error);
      for (const { job } of batch.planned) job.reject(this.#failure ?? error);
    }
    return batch.taken;
  }

  /** Index writes that rode on nobody's commit so far. */
  #writeLater(): void {
    const later = this.#later;
    this.#later = [];
    for (const write of later) write(this.#index.writer);
    this.#batches += 1;
    if (this.#batches % EXPIRY_BATCHES === 1) {
      this.#commits.dropResultsBefore(this.#clock.now() - LIMITS.requestResultKeepMs);
    }
  }

  /** Signs what was staged and makes it durable. */
  async #store(transaction: Transaction, urgent: boolean): Promise<readonly Stored[]> {
    const { staged } = transaction;
    if (staged.length === 0) return [];
    const timeMs = this.#clock.now();
    const sealed = staged.map((one) => {
      const { id, kind } = one.volume;
      const hasState = kind === LogKind.DIRECTORY;
      const state = hasState ? this.#fold.stateRoot(this.#index.writer, id) : undefined;
      return sealCommit(one, { signer: this.#signer, timeMs, state });
    });
    const locations = await this.#segments.append(
      sealed.map(({ frame }) => frame),
      { urgent },
    );
    return sealed.flatMap((one, index) => {
      const location = locations[index];
      return location === undefined ? [] : [{ ...one, location }];
    });
  }

  #checkpoint(): void {
    if (this.#recordsSince < CHECKPOINT_RECORDS || this.#index.writer.isTransaction) return;
    this.#recordsSince = 0;
    try {
      this.#index.checkpoint();
    } catch {
      // The next transaction says what is wrong.
    }
  }

  #fail(cause: unknown): void {
    this.#failure = new GdpfsError('unavailable', 'cannot change: the index failed', {
      cause,
      hint: 'restart the server: the index catches up with what is durable',
    });
  }
}
