import type { DatabaseSync } from 'node:sqlite';
import { asBuffer, bytesEqual } from '../base/bytes.ts';
import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { FileLogPart, RequestResult } from '../format/commit.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { checkpointOrigin, type Policy, verifyNextPolicy } from '../format/policy.ts';
import type { RecordInit } from '../format/record-encoder.ts';
import { encodeRecord } from '../format/records.ts';
import { verifyNote } from '../format/signed-note.ts';
import type { ChainState } from '../format/volume-chain.ts';
import type { Fold } from './fold.ts';
import type { Signer } from './key-store.ts';
import type { PartTable } from './part-table.ts';
import { checkpointText } from './seal.ts';
import type { Signature, Staged } from './staged.ts';
import { volumeDamaged, type VolumeRow, type VolumeTable } from './volume-table.ts';

/** Thrown by a plan that must not share a batch with what was planned before it. */
export class NextBatch extends Error {}

/** How much was staged at some moment, to go back to it. */
interface Mark {
  readonly bytes: number;
  readonly fold: number;
  readonly lengths: ReadonlyMap<number, readonly [number, number, number, number]>;
  readonly volumes: ReadonlyMap<number, VolumeRow>;
}

/**
 * What the changes of one batch add to the logs. A change sees in `database` everything that came
 * before it, pending or not; what it appends is folded into the tables at once, by the same fold that
 * recovery uses. If it throws, `rollback` takes back all of it and nothing else.
 */
export class Transaction {
  /** Writing connection of the index, inside its open transaction. */
  readonly database: DatabaseSync;
  readonly volumes: VolumeTable;
  readonly #fold: Fold;
  readonly #parts: PartTable;
  readonly #signer: Signer;
  readonly #staged = new Map<number, Staged>();
  #bytes = 0;
  #lastVolume: number | undefined;
  /** The log that the change at hand may add to, since somebody else signs it. */
  #leftToSigner: number | undefined;

  constructor(options: {
    readonly database: DatabaseSync;
    readonly volumes: VolumeTable;
    readonly parts: PartTable;
    readonly signer: Signer;
    readonly fold: Fold;
  }) {
    this.database = options.database;
    this.volumes = options.volumes;
    this.#fold = options.fold;
    this.#parts = options.parts;
    this.#signer = options.signer;
  }

  /** Bytes of records staged. */
  get bytes(): number {
    return this.#bytes;
  }

  get staged(): readonly Staged[] {
    return [...this.#staged.values()].filter((staged) => staged.records.length > 0);
  }

  /** Makes a new log from its first records: meta, and the policy that names the writer key. */
  createLog(
    state: ChainState,
    records: readonly Uint8Array[],
    signature?: Omit<Signature, 'volume'>,
  ): number {
    const meta = records[0];
    if (meta === undefined) throw new GdpfsError('internal', 'cannot create log: no records');
    const id = this.volumes.insert(state, meta);
    if (signature !== undefined) this.leaveToSigner(id);
    const staged = this.#stage(id);
    for (const record of records) this.#push(staged, record);
    if (signature !== undefined) staged.signature = signature;
    return id;
  }

  /**
   * What follows in this change may add to a log whose key is not here. Throws NextBatch if something
   * was added to it before, in this batch: what is signed must go on from what is committed.
   */
  leaveToSigner(volume: number): void {
    const staged = this.#staged.get(volume);
    if (staged !== undefined && staged.records.length > 0) throw new NextBatch();
    this.#leftToSigner = volume;
  }

  /**
   * What the change has added to the log so far, and to which state of it. Only for a log that was left
   * to its signer.
   */
  peek(volume: number): Pick<Staged, 'volume' | 'records' | 'parts'> {
    assert(this.#leftToSigner === volume, 'the log was left to its signer');
    const { volume: row, records, parts } = this.#stage(volume);
    return { volume: row, records: [...records], parts: [...parts] };
  }

  /** Throws `forbidden` for another key's signature, `wrong_root` for one of something else. */
  sign({ volume, note, timeMs }: Signature): void {
    const staged = this.#stage(volume);
    if (staged.records.length === 0) return;
    const { writerKey: publicKey, name, kind } = staged.volume;
    const hasState = kind === LogKind.DIRECTORY;
    const state = hasState ? this.#fold.stateRoot(this.database, volume) : undefined;
    const { text } = checkpointText(staged, { timeMs, state });
    if (!bytesEqual(readNote(note, { publicKey, keyName: checkpointOrigin(name) }), text)) {
      throw new GdpfsError('wrong_root', 'cannot commit: what was signed is not this change');
    }
    staged.signature = { note, timeMs };
  }

  /** Appends a record to the directory log or system log and folds it; returns its seq. */
  append(volume: number, body: RecordInit): number {
    const staged = this.#stage(volume);
    const seq = staged.volume.count + staged.records.length;
    this.#push(staged, encodeRecord(body));
    this.#fold.apply(this.database, { volume, kind: staged.volume.kind, seq, body });
    return seq;
  }

  /** The log as it was, but with the policy that it has by now. Its count is for `nextSeq` to say. */
  stateOf(volume: number): VolumeRow {
    return this.#stage(volume).volume;
  }

  /** seq that the next record of the log will get. */
  nextSeq(volume: number): number {
    const staged = this.#stage(volume);
    return staged.volume.count + staged.records.length;
  }

  /**
   * Adds records to a file log of the volume; their dentry is for the caller to append. Throws
   * `busy` unless they begin where the log ends: another change of this moment was first. Throws
   * `bad_request` for a new log that exists: its records are there for good. `isNew`: it cannot
   * exist, since the nonce in its name was made just now.
   */
  appendPart(volume: number, part: FileLogPart, isNew = false): void {
    const staged = this.#stage(volume);
    const count = isNew
      ? 0
      : (stagedCount(staged, part.log) ?? this.#parts.count(volume, part.log));
    if (part.firstSeq === 0 && count > 0) {
      throw new GdpfsError(
        'bad_request',
        'cannot make file log: it exists, need another nonce in its first record',
      );
    }
    if (part.firstSeq !== count) {
      throw new GdpfsError(
        'busy',
        `cannot write file log: it has ${count} records, need ${part.firstSeq}`,
      );
    }
    staged.parts.push(part);
    for (const record of part.records) this.#bytes += record.length;
    if (this.#bytes > LIMITS.commitBytesMax) throw tooLarge();
  }

  /**
   * Appends a policy record, which counts for the commit that it is in: the new key signs it. Throws
   * `changed` unless its epoch is the next one, `bad_request` for another owner, and for snapshots that
   * are moved or still to come.
   */
  appendPolicy(volume: number, record: Uint8Array, policy: Policy): void {
    const staged = this.#stage(volume);
    const { epoch, policy: before } = staged.volume;
    if (policy.epoch !== epoch + 1) {
      throw new GdpfsError(
        'changed',
        `cannot change keys or policy: their epoch is ${epoch} by now`,
      );
    }
    requireSuccession(before, policy, this.nextSeq(volume));
    this.#push(staged, record);
    const { writerKey } = policy;
    staged.volume = { ...staged.volume, epoch: policy.epoch, writerKey, policy: record };
  }

  /** A file that names the chunk is part of the transaction. */
  useChunk(volume: number, digest: Uint8Array): void {
    this.#stage(volume).used.push(digest);
  }

  /** Keeps the first answer to a request beside what it changed; nothing if it changed nothing. */
  keepResult(result: RequestResult): boolean {
    const staged = this.#lastVolume === undefined ? undefined : this.#staged.get(this.#lastVolume);
    if (staged === undefined) return false;
    if (result.body.length > LIMITS.resultBytesMax) {
      throw new GdpfsError('bad_request', 'cannot keep the answer to a request: it is too long');
    }
    staged.results.push(result);
    return true;
  }

  mark(): Mark {
    const lengths = new Map<number, readonly [number, number, number, number]>();
    const volumes = new Map<number, VolumeRow>();
    for (const [id, { volume, records, parts, results, used }] of this.#staged) {
      lengths.set(id, [records.length, parts.length, results.length, used.length]);
      volumes.set(id, volume);
    }
    this.#lastVolume = undefined;
    this.#leftToSigner = undefined;
    return { bytes: this.#bytes, fold: this.#fold.mark(), lengths, volumes };
  }

  rollback(mark: Mark): void {
    for (const [id, staged] of this.#staged) {
      const lengths = mark.lengths.get(id);
      if (lengths === undefined) this.#staged.delete(id);
      else {
        staged.records.length = lengths[0];
        staged.parts.length = lengths[1];
        forgetCounts(staged);
        staged.results.length = lengths[2];
        staged.used.length = lengths[3];
        staged.volume = mark.volumes.get(id) ?? staged.volume;
        if (lengths[0] === 0) delete staged.signature;
      }
    }
    this.#bytes = mark.bytes;
    this.#fold.rollback(mark.fold);
  }

  #push(staged: Staged, record: Uint8Array): void {
    this.#bytes += record.length;
    if (staged.records.length >= LIMITS.commitRecordsMax || this.#bytes > LIMITS.commitBytesMax) {
      throw tooLarge();
    }
    if (staged.volume.custody === 'client' && this.#leftToSigner !== staged.volume.id) {
      throw unsigned();
    }
    staged.records.push(record);
    this.#lastVolume = staged.volume.id;
  }

  #stage(volume: number): Staged {
    let staged = this.#staged.get(volume);
    if (staged === undefined) {
      const row = this.volumes.byId(volume);
      if (row === undefined) throw new GdpfsError('not_found', 'cannot write volume: it is gone');
      if (row.damage !== undefined) throw volumeDamaged(row.damage);
      // A log that cannot be signed refuses its own changes, not the batch that they are in.
      if (row.custody === 'server') this.#signer.writerKey(row);
      const logs = { counts: new Map<string, number>(), parts: 0 };
      staged = { volume: row, records: [], parts: [], logs, results: [], used: [] };
      this.#staged.set(volume, staged);
    }
    return staged;
  }
}

/** Records of the file log, those that are staged included; undefined if none are. */
function stagedCount({ parts, logs }: Staged, log: Uint8Array): number | undefined {
  for (const { log: name, firstSeq, records } of parts.slice(logs.parts)) {
    logs.counts.set(asBuffer(name).toString('latin1'), firstSeq + records.length);
  }
  logs.parts = parts.length;
  return logs.counts.get(asBuffer(log).toString('latin1'));
}

function forgetCounts({ logs }: Staged): void {
  logs.counts.clear();
  logs.parts = 0;
}

/** Throws `bad_request` unless the owner is the same, or one that this one has named, and snapshots stay what they are. */
function requireSuccession(before: Uint8Array, next: Policy, seq: number): void {
  try {
    verifyNextPolicy(before, next, seq);
  } catch (cause) {
    if (!isGdpfsError(cause, 'untrusted')) throw cause;
    throw new GdpfsError('bad_request', `cannot change keys or policy: ${cause.message}`, {
      cause,
    });
  }
}

/** The same plan with what somebody else has signed of it. */
export function withSignature<T>(
  plan: (transaction: Transaction) => T,
  signature: Signature,
): (transaction: Transaction) => T {
  return (transaction) => {
    transaction.leaveToSigner(signature.volume);
    const result = plan(transaction);
    transaction.sign(signature);
    return result;
  };
}

/** The signed text. */
function readNote(note: Uint8Array, key: Parameters<typeof verifyNote>[1]): Uint8Array {
  try {
    return verifyNote(note, key).text;
  } catch (cause) {
    throw new GdpfsError(
      'forbidden',
      "cannot commit: it is not signed by the volume's writer key",
      {
        cause,
      },
    );
  }
}

/** Of a volume with custody `client`. */
export function unsigned(): GdpfsError {
  return new GdpfsError(
    'read_only',
    'cannot write volume: its changes are signed by those who have its writer key, need their signature',
    {
      hint: 'where that key is, use the gdpfs command line, its TypeScript library, or fsspec with its Python package',
    },
  );
}

function tooLarge(): GdpfsError {
  return new GdpfsError(
    'body_too_large',
    `cannot commit: the change has too many records, need at most ${LIMITS.commitRecordsMax}`,
    { hint: 'split it into several changes' },
  );
}
