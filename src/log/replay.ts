import { asBuffer, base64urlEncode, bytesEqual, concatBytes } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Commit, decodeCommit, decodeResults } from '../format/commit.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { decodeFchunk, decodeRecord } from '../format/records.ts';
import { decodeCommitPayload, FRAME_KIND } from '../format/segment.ts';
import { type ChainState, verifyCommit } from '../format/volume-chain.ts';
import type { IndexDatabase } from '../storage/index-db.ts';
import type { Damage, ReplayVisitor, SegmentEdition } from '../storage/replay-visitor.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { CommitIndex } from './commit-index.ts';
import type { Fold } from './fold.ts';
import type { Signer } from './key-store.ts';
import { growFrontier } from './log-tree.ts';
import type { PartTable, StoredCommit } from './part-table.ts';
import type { SegmentEditions } from './segment-editions.ts';
import { type VolumeRow, VolumeTable } from './volume-table.ts';

/** Frames replayed between two commits of the index: bounds the memory of its transaction. */
const REPLAY_FRAMES = 2000;

export interface ReplayOptions {
  readonly index: IndexDatabase;
  readonly commits: CommitIndex;
  readonly chunks: ChunkTable;
  readonly parts: PartTable;
  readonly editions: SegmentEditions;
  readonly fold: Fold;
  readonly signer: Signer;
  readonly nowMs: number;
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Brings the index up to the segments. Every commit is checked like a stranger's: link, signature,
 * root. What fails the check closes its volume for writing and is reported; nothing is dropped.
 */
export class Replay implements ReplayVisitor {
  readonly #options: ReplayOptions;
  readonly #volumes: VolumeTable;
  #isLive = false;
  #frames = 0;
  #damageCount = 0;
  #hasForgotten = false;
  readonly #editions: SegmentEdition[] = [];

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#volumes = new VolumeTable(options.index.writer);
    options.index.writer.exec('BEGIN IMMEDIATE');
  }

  get damageCount(): number {
    return this.#damageCount;
  }

  /** The replay is over: from now on chunks only wait for the next transaction. */
  finish(): void {
    this.#writeWaiting({ all: true });
    if (this.#hasForgotten) this.#options.chunks.dropForgotten();
    // Not before: a start that is cut off has read nothing of them.
    for (const edition of this.#editions) this.#options.editions.set(edition);
    this.#commitIndex();
    this.#isLive = true;
  }

  chunk(chunk: { readonly volume: Uint8Array; readonly digest: Uint8Array } & FrameLocation): void {
    const { segment, offset, length } = chunk;
    // A chunk of a volume whose first commit is lost has no one to serve.
    const volume = this.#volumeId(chunk.volume);
    if (volume === undefined) return;
    this.#options.chunks.add(volume, chunk.digest, { segment, offset, length });
    if (!this.#isLive) this.#count();
  }

  commit(payload: Uint8Array, location: FrameLocation): void {
    const { writer } = this.#options.index;
    let name: Uint8Array | undefined;
    writer.exec('SAVEPOINT replay');
    try {
      const { commit: bytes, results } = decodeCommitPayload(payload);
      const commit = decodeCommit(bytes);
      name = commit.volume;
      const isNew = this.#apply({ commit, bytes, places: commit.places, location });
      for (const result of isNew ? decodeResults(results) : []) {
        const isFresh = result.timeMs > this.#options.nowMs - LIMITS.requestResultKeepMs;
        if (isFresh) this.#options.commits.addResult(result);
      }
      writer.exec('RELEASE replay');
    } catch (error) {
      writer.exec('ROLLBACK TO replay; RELEASE replay');
      this.#options.fold.rollback(0);
      if (!isGdpfsError(error)) throw error;
      this.#refuse(error.message, name, location);
    }
    this.#count();
  }

  damage(damage: Damage): void {
    const what = damage.frame === undefined ? 'bytes' : frameName(damage.frame);
    const reason = `${damage.length} damaged ${what} in segment ${damage.segment} at ${damage.offset}`;
    // A chunk is found missing when it is read or asked for, and padding is not missed. Anything else
    // may have been a commit of any volume, and going on would make a history without it.
    const { frame } = damage;
    if (frame === FRAME_KIND.chunk || frame === FRAME_KIND.padding) {
      this.#damageCount += 1;
      this.#options.warn(reason);
    } else {
      this.#markDamaged(reason, undefined, damage);
    }
  }

  isCurrent(edition: SegmentEdition): boolean {
    return this.#options.editions.isCurrent(edition);
  }

  forget(segments: readonly number[]): void {
    this.#hasForgotten = true;
    this.#options.chunks.forget(segments);
  }

  chunkAgain(chunk: Parameters<ReplayVisitor['chunk']>[0]): void {
    const { segment, offset, length } = chunk;
    const volume = this.#volumeId(chunk.volume);
    if (volume === undefined) return;
    this.#options.chunks.addAgain(volume, chunk.digest, { segment, offset, length });
    this.#count();
  }

  edition(edition: SegmentEdition): void {
    this.#editions.push(edition);
  }

  /** A commit that is as it was written, but does not follow what is there. */
  #refuse(reason: string, name: Uint8Array | undefined, location: FrameLocation): void {
    const row = name === undefined ? undefined : this.#volumes.byName(name);
    // Behind known damage that is no news: what it follows is lost.
    const isKnown = row === undefined ? this.#damageCount > 0 : row.damage !== undefined;
    if (name === undefined || !isKnown) this.#markDamaged(reason, row, location);
  }

  /** False if the commit was in the index before. */
  #apply(stored: StoredCommit): boolean {
    const { commit, location } = stored;
    const { writer } = this.#options.index;
    const row = this.#volumes.byName(commit.volume);
    const used = usedChunks(commit);
    if (row !== undefined && commit.firstSeq + commit.records.length <= row.count) {
      // What lies behind the position may be in the index, but for what waited to come into it.
      if (this.#options.commits.isAt(row.id, commit.firstSeq, location)) {
        this.#options.parts.addAgain(row.id, stored);
        this.#useChunks(row.id, used);
      }
      return false;
    }
    const state = verifyCommit(row, commit);
    if (row === undefined && state.kind === LogKind.SYSTEM && !this.#options.signer.isOwn(state)) {
      // Whoever can write to the store could put a log there that makes them admin.
      throw new GdpfsError('untrusted', 'cannot accept system log: signed by a foreign key');
    }
    // It follows what is there, so whatever was damaged before it was not part of this log.
    if (row?.damage !== undefined) this.#volumes.clearDamage(row.id);
    const meta = commit.records[0] ?? new Uint8Array(0);
    const volume = row?.id ?? this.#volumes.insert(state, meta);
    for (const [index, record] of commit.records.entries()) {
      const body = decodeRecord(record);
      const seq = commit.firstSeq + index;
      if (body.case === 'dentry' || body.case === 'system') {
        this.#options.fold.apply(writer, { volume, kind: state.kind, seq, body });
      }
    }
    this.#checkState(volume, state);
    const leaves = commit.records.map(leafHash);
    const frontier = row === undefined ? new MerkleFrontier() : MerkleFrontier.decode(row.frontier);
    const roots = growFrontier(frontier, leaves);
    const sealed = { commit, location, leaves: concatBytes(leaves), roots };
    this.#options.commits.add(volume, state, sealed);
    this.#options.parts.add(volume, stored);
    this.#useChunks(volume, used);
    return true;
  }

  /** The map is kept from the first record on, whether checkpoints speak of it or not. */
  #checkState(volume: number, { kind, state }: ChainState): void {
    if (kind !== LogKind.DIRECTORY) return;
    const root = this.#options.fold.stateRoot(this.#options.index.writer, volume);
    if (state === undefined || bytesEqual(root, state)) return;
    throw new GdpfsError(
      'untrusted',
      'cannot accept commit: its tree is not the one that was signed',
    );
  }

  #useChunks(volume: number, digests: readonly Uint8Array[]): void {
    for (const digest of digests) this.#options.chunks.use(volume, digest);
  }

  /** Of all volumes if it is not known of which: any of them may have lost a commit. */
  #markDamaged(reason: string, row: VolumeRow | undefined, place: FrameLocation): void {
    this.#damageCount += 1;
    const which = row === undefined ? 'all volumes' : `volume ${base64urlEncode(row.name)}`;
    this.#options.warn(`${which} opened read-only: ${reason}`);
    const where = `segment ${place.segment} at ${place.offset}`;
    this.#volumes.markDamaged(`${reason} (${where})`, row?.id);
  }

  #volumeId(name: Uint8Array): number | undefined {
    // Chunks of one request say the same name in the same bytes.
    if (name === this.#last?.name) return this.#last.id;
    const id = this.#findVolume(name);
    this.#last = id === undefined ? undefined : { name, id };
    return id;
  }

  #findVolume(name: Uint8Array): number | undefined {
    const key = asBuffer(name).toString('latin1');
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#volumes.byName(name)?.id;
      if (id === undefined) return undefined;
      if (this.#ids.size >= IDS_CACHED_MAX) this.#ids.clear();
      this.#ids.set(key, id);
    }
    return id;
  }

  readonly #ids = new Map<string, number>();
  #last: { readonly name: Uint8Array; readonly id: number } | undefined;

  /** Throws once the signal is aborted: what was read so far is read again at the next start. */
  #count(): void {
    this.#options.signal?.throwIfAborted();
    this.#frames += 1;
    if (this.#frames % REPLAY_FRAMES !== 0) return;
    this.#writeWaiting({ all: false });
    this.#commitIndex();
    this.#options.index.writer.exec('BEGIN IMMEDIATE');
  }

  /** The position stays where it was until all is replayed: rows may wait meanwhile. */
  #writeWaiting({ all }: { readonly all: boolean }): void {
    for (const rows of this.#waiting) if (all || rows.isFull) rows.writeAll();
  }

  #commitIndex(): void {
    this.#options.index.writer.exec('COMMIT');
    for (const rows of this.#waiting) rows.settle({ isCommitted: true });
  }

  get #waiting(): readonly (ChunkTable | PartTable)['waiting'][] {
    return [this.#options.chunks.waiting, this.#options.parts.waiting];
  }
}

const IDS_CACHED_MAX = 10_000;

/** Digests of the chunks that its file logs name. Throws `corrupt`. */
function usedChunks({ parts }: Commit): Uint8Array[] {
  return parts.flatMap(({ firstSeq, records }) => {
    const fchunks = (firstSeq === 0 ? records.slice(1) : records).map(decodeFchunk);
    return fchunks.filter(({ length }) => length > 0).map(({ digest }) => digest);
  });
}

function frameName(kind: number): string {
  for (const [name, value] of Object.entries(FRAME_KIND))
    if (value === kind) return `${name} bytes`;
  return 'bytes';
}
