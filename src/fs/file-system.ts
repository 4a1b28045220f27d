import type { DatabaseSync } from 'node:sqlite';
import type { Chunk, ChunkSequence } from '../format/manifest.ts';
import type { ChunkRun, ChunkSpans, ReadChunk, ReadChunkOptions } from '../log/chunk-reader.ts';
import type { LogEngine, StoredChunk } from '../log/engine.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { reading } from '../storage/index-db.ts';
import { ChunkAccess, newChunks, sortChunks } from './chunk-access.ts';
import type { Changer } from './changer.ts';
import { asBriefEntry, asEntry, rootEntry } from './entry.ts';
import { EntryTable } from './entry-table.ts';
import { requireFile } from './file-state.ts';
import { Manifests } from './manifests.ts';
import { countAt, type MomentContext, seqOf } from './moment.ts';
import {
  briefRows,
  lookupAll,
  type NamedRow,
  notADirectory,
  notFound,
  pathOfNode,
  type ReadChildren,
  resolve,
  type View,
  type Walked,
  walkPage,
  wholeRows,
} from './tree.ts';
import type { Quotas } from './quotas.ts';
import type { SystemView } from './system-view.ts';
import type { Level, Rights } from './rights.ts';
import type { Usage } from './usage.ts';
import { Sights, seenRows } from './sight.ts';
import { checkPrecondition } from './planner.ts';
import { retryChanged, truncation, type Truncation } from './truncate.ts';
import type {
  BriefPage,
  Change,
  ChangeContext,
  ChangeResult,
  Claimant,
  Entry,
  FindOptions,
  ListOptions,
  ListPage,
  Moment,
  Upload,
  VolumeInfo,
} from './types.ts';
import type { Uploads } from './uploads.ts';
import type { RemovedVolume } from './removed-volume.ts';
import type { VolumeInit, Volumes } from './volumes.ts';

/**
 * Volumes, paths, files and their history, on signed logs. Every `volume` argument is the 32-byte
 * name. Reads see what is durable; a change is durable and signed when it resolves.
 */
export class FileSystem {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #uploads: Uploads;
  readonly #quotas: Quotas;
  /** The connection of `#committed`. */
  readonly #reader: DatabaseSync;
  readonly #committed: EntryTable;
  readonly #access: ChunkAccess;
  readonly #changer: Changer;
  readonly #manifests: Manifests;
  readonly #moments: MomentContext;
  readonly #sights = new Sights();

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly uploads: Uploads;
    readonly quotas: Quotas;
    readonly changer: Changer;
    readonly view: SystemView;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#uploads = parts.uploads;
    this.#quotas = parts.quotas;
    this.#reader = parts.reader;
    this.#manifests = new Manifests(parts);
    this.#committed = new EntryTable(parts.reader);
    this.#access = new ChunkAccess(parts.engine.chunks, parts.reader);
    this.#changer = parts.changer;
    this.#moments = parts;
  }

  /** Throws `exists` if the alias is taken. */
  async createVolume(options: VolumeInit, context: ChangeContext): Promise<VolumeInfo> {
    return await this.#volumes.create(options, context);
  }

  /** Serves the volume no more. Throws `not_found`, and `not_empty` unless `force`. */
  async removeVolume(
    volume: Uint8Array,
    options: { readonly force: boolean },
    context: ChangeContext,
  ): Promise<RemovedVolume> {
    return await this.#volumes.remove(volume, options, context);
  }

  /** Replaces the writer's or the owner's key; `changed` if another was first. */
  async rotateKey(
    volume: Uint8Array,
    role: 'owner' | 'writer',
    context: ChangeContext,
  ): ReturnType<Volumes['rotateKey']> {
    return await this.#volumes.rotateKey(volume, role, context);
  }

  /** By alias or by the 43-character name. Throws `not_found`. */
  resolveVolume(reference: string): VolumeInfo {
    return this.#volumes.info(this.#volumes.resolve(reference));
  }

  /** What files are cut by, if by content: only for those who may write. Throws `read_only`. */
  chunkingKey(volume: Uint8Array): Uint8Array {
    return this.#volumes.chunkingKey(volume);
  }

  /** What a volume holds, if that is known: `Quotas.usage`. */
  usage = (volume: Uint8Array): Usage | undefined =>
    this.#quotas.usage(this.#volumes.byName(volume));

  listVolumes(): VolumeInfo[] {
    return this.#volumes.list();
  }

  /** The volume's newest signed checkpoint. */
  checkpoint(volume: Uint8Array): Uint8Array {
    return this.#volumes.byName(volume).checkpoint;
  }

  /** Encoded commits from the one that holds record `seq` on, at most `limit`. */
  async commits(
    volume: Uint8Array,
    from: { readonly seq: number; readonly limit: number },
  ): Promise<Uint8Array[]> {
    return await this.#engine.readCommits(this.#volumes.id(volume), from);
  }

  /** Throws `not_found`, `not_a_directory`. */
  stat(volume: Uint8Array, path: string, at?: Moment): Entry {
    const row = this.#volumes.byName(volume);
    return this.#stat(row, path, this.#view(row, at));
  }

  /** What the caller may do at a path: `Sight.levelAt`. Throws as `stat` does for a moment. */
  levelAt(
    { name, count }: Pick<VolumeInfo, 'name' | 'count'>,
    rights: Rights,
    { path, at }: { readonly path: string; readonly at?: Moment },
  ): Level | undefined {
    // Where all is alike, there is no need to look.
    if (rights.nodes.size === 0 && rights.whole > 0) return rights.whole;
    const now = { entries: this.#committed, volume: this.#volumes.id(name) };
    const view = at === undefined ? now : this.#view(this.#volumes.byName(name), at);
    return this.#sights.of(view, rights, count).levelAt(path);
  }

  /** Where a node is now; undefined if it was removed. */
  pathOf(volume: Uint8Array, node: number): string | undefined {
    return pathOfNode({ entries: this.#committed, volume: this.#volumes.id(volume) }, node);
  }

  /** Throws `not_found`, `not_a_directory`. */
  list(volume: Uint8Array, path: string, options: ListOptions): ListPage {
    const { found, ...page } = this.#list(volume, path, { ...options, read: wholeRows });
    return { ...page, entries: found.map((walked) => asEntry(path, walked)) };
  }

  /** The same, with paths below the listed one and little of each name. */
  listBrief(volume: Uint8Array, path: string, options: ListOptions): BriefPage {
    const { found, ...page } = this.#list(volume, path, { ...options, read: briefRows });
    return { ...page, entries: found.map(asBriefEntry) };
  }

  /** The entries at those of `paths`, relative to a directory, that can be found, in that order. */
  find(volume: Uint8Array, path: string, { paths, at, rights }: FindOptions): Entry[] {
    const row = this.#volumes.byName(volume);
    const view = this.#view(row, at);
    const sight = rights && this.#sights.of(view, rights, row.count);
    const { node } = this.#stat(row, path, view);
    return reading(this.#reader, () => {
      const found = lookupAll(view, node, paths).map((walked) => asEntry(path, walked));
      return sight ? found.filter((entry) => sight.levelAt(entry.path) !== undefined) : found;
    });
  }

  /** Live chunks of the file version that `entry` describes. Throws `not_a_file`, `corrupt`. */
  async manifest(volume: Uint8Array, entry: Entry): Promise<ChunkSequence> {
    return await this.#manifests.of(this.#volumes.id(volume), entry);
  }

  /** The same of many files. */
  async manifests(volume: Uint8Array, entries: readonly Entry[]): Promise<ChunkSequence[]> {
    return await this.#manifests.ofEach(this.#volumes.id(volume), entries);
  }

  /** A chunk's bytes. Throws `corrupt`, naming the chunk. */
  async readChunk(
    volume: Uint8Array,
    chunk: Chunk,
    options: ReadChunkOptions = {},
  ): Promise<Uint8Array> {
    return await this.#engine.chunkReader.read(this.#volumes.id(volume), chunk, options);
  }

  /** The bytes of many chunks, in their order, all in memory. Throws `corrupt`. */
  async readChunks(volume: Uint8Array, chunks: readonly Chunk[]): Promise<Uint8Array[]> {
    return await this.#engine.chunkReader.readMany(this.#volumes.id(volume), chunks);
  }

  /** The same as they lie in the store, unchecked, in memory that `take` gives. */
  async readSpans(
    volume: Uint8Array,
    chunks: readonly Chunk[],
    take: (length: number) => Uint8Array,
  ): Promise<ChunkSpans> {
    const named = { id: this.#volumes.id(volume), name: volume };
    return await this.#engine.chunkReader.readSpans(named, chunks, take);
  }

  /** `ChunkReader.runs`. */
  chunkRuns(volume: Uint8Array, chunks: readonly Chunk[], bytesMax: number): ChunkRun[] {
    return this.#engine.chunkReader.runs(this.#volumes.id(volume), chunks, bytesMax);
  }

  /** `ChunkReader.readRun`. */
  async readRun(run: ChunkRun, room: Uint8Array): Promise<ReadChunk[]> {
    return await this.#engine.chunkReader.readRun(run, room);
  }

  /** `Changer.apply`. */
  async apply(volume: Uint8Array, change: Change, context: ChangeContext): Promise<ChangeResult> {
    return await this.#changer.apply(this.#volumes.byName(volume), change, context);
  }

  /** `Changer.firstResult`. */
  firstResult(context: ChangeContext): ChangeResult | undefined {
    return this.#changer.firstResult(context);
  }

  /**
   * Cuts or extends a file; a chunk that is cut is written again, shorter. Throws `changed` if its
   * content is another than `to` says.
   */
  async truncate(
    volume: Uint8Array,
    to: Truncation,
    context: ChangeContext,
  ): Promise<ChangeResult> {
    const repeated = this.firstResult(context);
    if (repeated !== undefined) return repeated;
    const attempt = async (): Promise<ChangeResult> =>
      this.apply(volume, await this.truncation(volume, to), context);
    return to.content === undefined ? await retryChanged(to.path, attempt) : await attempt();
  }

  /** The change that cuts or extends a file as it is now; a chunk that it cuts is stored. */
  async truncation(volume: Uint8Array, to: Truncation): Promise<Change> {
    const { path, size } = to;
    const entry = this.stat(volume, path);
    const { content } = requireFile(entry);
    if (to.content !== undefined) checkPrecondition(path, { content }, { content: to.content });
    const chunks = await this.manifest(volume, entry);
    const read = async (chunk: Chunk): Promise<Uint8Array> => this.readChunk(volume, chunk);
    const { record, cut } = await truncation({ chunks, size, read });
    if (cut !== undefined) await this.putChunk(volume, cut, cut.data);
    return { kind: 'extend', path, file: { records: [record] }, precondition: { content } };
  }

  /**
   * Indexes into `digests` of those that must be sent: not stored in the volume, or not known to who
   * asks. With `upload` the others are pinned: they stay until it ends.
   */
  async missing(
    volume: Uint8Array,
    digests: readonly Uint8Array[],
    { upload, ...asker }: Claimant & { readonly upload?: Upload },
  ): Promise<number[]> {
    const id = this.#volumes.id(volume);
    const { missing, present } = await sortChunks(digests, {
      look: (all) =>
        this.#engine.chunks.reading(() =>
          all.map((digest) => this.#access.look(id, digest, asker).standing),
        ),
      settle: () => this.#engine.flush(),
    });
    for (const digest of present) {
      this.#engine.chunks.tell(id, digest);
      if (upload !== undefined) this.#uploads.add(upload, digest);
    }
    return missing;
  }

  /** Has the volume no chunks at all, so that nobody need ask which are missing? */
  isEmpty(volume: Uint8Array): boolean {
    return this.#engine.chunks.isEmpty(this.#volumes.id(volume));
  }

  /**
   * Stores the bytes of a chunk whose digest the caller has checked; durable when it resolves.
   * `data` must not change any more.
   */
  async putChunk(
    volume: Uint8Array,
    chunk: Pick<StoredChunk, 'digest' | 'checksum'>,
    data: Uint8Array,
    upload?: Upload,
  ): Promise<void> {
    await this.putChunks(volume, [{ ...chunk, data }]);
    if (upload !== undefined) this.#uploads.add(upload, chunk.digest);
  }

  /** The same for many, stored together. */
  async putChunks(volume: Uint8Array, chunks: readonly StoredChunk[]): Promise<void> {
    const fresh = newChunks(this.#engine.chunks, this.#volumes.id(volume), chunks);
    if (fresh.length > 0) await this.#engine.appendChunks(volume, fresh);
  }

  /** Opens an upload, or finds the principal's own unfinished one for the same file. */
  async openUpload(options: Omit<Upload, 'id' | 'createdMs'>): Promise<Upload> {
    const row = this.#volumes.byName(options.volume);
    return await this.#uploads.open(row.id, options, ({ count, growth }) =>
      this.#quotas.reserve(row, count, growth),
    );
  }

  /** Throws `upload_not_found`. */
  upload(id: string, principal: string): Upload {
    return this.#uploads.get(id, principal);
  }

  /** seq of the state that a moment means: what is read at it is what is read at the moment. */
  seqAt(volume: Uint8Array, at?: Moment): number {
    const row = this.#volumes.byName(volume);
    return seqOf(row, this.#view(row, at));
  }

  /** Digests that arrived for the upload, in their own order, behind `after`. */
  async arrived(
    upload: Upload,
    page: { readonly after?: Uint8Array; readonly limit: number },
  ): Promise<Uint8Array[]> {
    return await this.#uploads.arrived(upload, page);
  }

  /** The upload is committed or given up. */
  async closeUpload(upload: Upload): Promise<void> {
    await this.#uploads.close(upload);
  }

  #list<Row extends NamedRow>(
    volume: Uint8Array,
    path: string,
    options: ListOptions & { readonly read: (view: View) => ReadChildren<Row> },
  ): Omit<ListPage, 'entries'> & { readonly found: Walked<Row>[] } {
    const row = this.#volumes.byName(volume);
    const view = this.#view(row, options.at);
    const directory = this.#stat(row, path, view);
    if (directory.kind !== 'directory') throw notADirectory(path, path);
    const { rights } = options;
    const sight = rights && this.#sights.of(view, rights, row.count);
    const read = seenRows(view, sight, options.read(view));
    const page = walkPage(view, directory.node, { ...options, read });
    return { ...page, seq: seqOf(row, view) };
  }

  #stat(row: VolumeRow, path: string, view: View): Entry {
    if (path === '') return rootEntry(row);
    const resolved = resolve(view, path);
    if (resolved.row === undefined) throw notFound(path, path);
    return asEntry('', { path, row: resolved.row });
  }

  #view(row: VolumeRow, at: Moment | undefined): View {
    const view = { entries: this.#committed, volume: row.id };
    const count = countAt(this.#moments, row, at);
    return count === undefined ? view : { ...view, at: count };
  }
}
