import { bytesEqual } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { baseName, checkExtent, parentPath } from '../format/path.ts';
import type { DentryInit } from '../format/record-encoder.ts';
import type { ChunkTable } from '../log/chunk-table.ts';
import type { Transaction } from '../log/transaction.ts';
import type { ChunkAccess } from './chunk-access.ts';
import { VolumeNodes } from './dentry-fold.ts';
import type { EntryRow, EntryTable } from './entry-table.ts';
import type { PreparedFile } from './prepare.ts';
import type { Quotas } from './quotas.ts';
import type { Usage } from './usage.ts';
import { notADirectory, notFound, type Resolved, resolve, type View } from './tree.ts';
import type { Attributes, Precondition } from './types.ts';
import { PathError } from './path-error.ts';

const MODE_DEFAULT = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;
/** Missing chunks that one error names. */
const MISSING_NAMED_MAX = 1000;

const NOTHING: Usage = { bytes: 0, entries: 0 };

export interface PlannerContext {
  readonly transaction: Transaction;
  readonly entries: EntryTable;
  readonly chunks: ChunkTable;
  readonly access: ChunkAccess;
  readonly quotas: Pick<Quotas, 'below' | 'extentBelow'>;
  /** Index id of the volume. */
  readonly volume: number;
  readonly author: string;
  readonly nowUs: number;
}

/** Fields of a dentry that says where a node is and who made it what it is. */
export interface PlacedFields {
  readonly parent: number;
  readonly name: string;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly author: string;
}

/**
 * Turns changes into dentries, each checked against the pending state, as POSIX would decide. One
 * planner serves one change; everything it appends is part of one atomic commit.
 */
export class Planner {
  readonly context: PlannerContext;
  readonly view: View;
  readonly nodes: VolumeNodes;
  /** Dentries appended. */
  count = 0;
  /** By how much the volume grows. */
  readonly growth = { bytes: 0, entries: 0 };
  /** Node that the change is about. */
  node = 0;
  /** Directories that exist for sure: their paths and nodes. Cleared by what may move one. */
  readonly #directories = new Map<string, number>();
  /**
   * Names that the change has put into directories that it found empty, by their nodes: nothing else is
   * there. Undefined for one that was not empty.
   */
  readonly #names = new Map<number, Set<string> | undefined>();

  constructor(context: PlannerContext) {
    this.context = context;
    this.view = { entries: context.entries, volume: context.volume };
    this.nodes = new VolumeNodes(context.entries, context.volume);
  }

  /**
   * Follows a path; with `parents`, missing directories on the way are made. Throws `name_too_long` for
   * one that was joined of two and is no path any more.
   */
  resolve(path: string, parents = false): Resolved {
    checkExtent(path);
    const directory = parentPath(path);
    if (parents) this.makeDirectories(directory);
    const known = this.#directories.get(directory);
    if (path !== '' && known !== undefined) {
      const name = baseName(path);
      if (this.#isFree(known, name)) return { parent: known, name, row: undefined };
      const place = { volume: this.context.volume, parent: known, name };
      return { parent: known, name, row: this.context.entries.byName(place) };
    }
    const resolved = resolve(this.view, path);
    if (path !== '') this.#directories.set(directory, resolved.parent);
    return resolved;
  }

  /** The directory at the path is the node that the change has come to. */
  knowDirectory(path: string): void {
    this.#directories.set(path, this.node);
  }

  /** Is nothing there, for sure? Many names of one new directory need one question. */
  #isFree(parent: number, name: string): boolean {
    const { entries, volume } = this.context;
    // Whoever watches must see each name that is not there.
    if (entries.watcher !== undefined) return false;
    if (!this.#names.has(parent)) {
      this.#names.set(parent, entries.hasChildren(volume, parent) ? undefined : new Set());
    }
    return this.#names.get(parent)?.has(name) === false;
  }

  /** Looks at a path for whoever watches; it may lead nowhere. */
  showNow(path: string): void {
    if (this.context.entries.watcher === undefined) return;
    try {
      resolve(this.view, path);
    } catch (error) {
      if (!isGdpfsError(error, 'not_found', 'not_a_directory')) throw error;
    }
  }

  /** An entry that must exist. The root directory has none: `bad_request`. */
  existing(path: string): EntryRow {
    if (path === '') {
      throw new GdpfsError('bad_request', 'cannot change the root directory of a volume');
    }
    const { row } = this.resolve(path);
    if (row === undefined) throw notFound(path, path);
    return row;
  }

  makeDirectories(path: string): void {
    if (path === '' || this.#directories.has(path)) return;
    this.makeDirectories(parentPath(path));
    const { parent, name, row } = this.resolve(path);
    if (row === undefined) {
      this.append({ ...this.newNode({ parent, name }), kind: NodeKind.DIRECTORY });
      this.grow({ bytes: 0, entries: 1 });
    } else if (row.kind !== NodeKind.DIRECTORY) {
      throw notADirectory(path, path);
    } else {
      this.node = row.node;
    }
    this.knowDirectory(path);
  }

  /** Fields of a dentry for a new node. */
  newNode(
    place: { readonly parent: number; readonly name: string },
    kind: keyof typeof MODE_DEFAULT = 'directory',
    attributes: Attributes = {},
  ): PlacedFields {
    return {
      parent: place.parent,
      name: place.name,
      mode: attributes.mode ?? MODE_DEFAULT[kind],
      mtimeUs: attributes.mtimeUs ?? this.context.nowUs,
      author: this.context.author,
    };
  }

  /** Fields of a dentry that says of a node what `row` says, with `author` as its author. */
  sameNode(row: EntryRow, attributes: Attributes = {}): DentryInit & PlacedFields {
    return {
      ...sameContent(row),
      parent: row.parent,
      name: row.name,
      node: row.node,
      mode: attributes.mode ?? row.mode,
      mtimeUs: attributes.mtimeUs ?? row.mtimeUs,
      author: this.context.author,
    };
  }

  append(dentry: DentryInit): void {
    const { transaction, volume, entries } = this.context;
    if (entries.watcher !== undefined) {
      const place = { volume, parent: Number(dentry.parent), name: dentry.name ?? '' };
      entries.watcher.sawName(place, undefined);
    }
    const seq = transaction.append(volume, { case: 'dentry', value: dentry });
    this.#names.get(Number(dentry.parent))?.add(dentry.name ?? '');
    this.count += 1;
    this.node = dentry.node === undefined ? seq : Number(dentry.node);
  }

  /** What is planned adds this to the volume, in the place of something else. */
  grow(added: Usage, replaced: Usage = NOTHING): void {
    this.growth.bytes += added.bytes - replaced.bytes;
    this.growth.entries += added.entries - replaced.entries;
  }

  /** An entry and all that is below it; nothing if there is none. */
  usageOf(row: Pick<EntryRow, 'kind' | 'node' | 'size'> | undefined): Usage {
    if (row === undefined) return NOTHING;
    if (row.kind !== NodeKind.DIRECTORY) return { bytes: row.size, entries: 1 };
    const { bytes, entries } = this.context.quotas.below(this.context.volume, row.node);
    return { bytes, entries: entries + 1 };
  }

  /** After this, paths may lead elsewhere. */
  forgetDirectories(): void {
    this.#directories.clear();
    this.#names.clear();
  }

  /**
   * Throws `chunk_missing` with the digests unless every chunk is stored in its full length and may be
   * named by who names it.
   */
  useChunks({ chunks: named, claimant }: PreparedFile): void {
    const { access, chunks, transaction, volume } = this.context;
    const missing: string[] = [];
    for (const chunk of named) {
      const length =
        claimant === undefined
          ? chunks.dataLength(volume, chunk.digest)
          : access.knownLength(volume, chunk.digest, claimant);
      if (length === chunk.length) {
        transaction.useChunk(volume, chunk.digest);
        continue;
      }
      missing.push(formatDigest(chunk.digest));
      if (missing.length === MISSING_NAMED_MAX) break;
    }
    if (missing.length > 0) {
      throw new GdpfsError(
        'chunk_missing',
        `cannot commit file: ${missing.length} of its chunks are not stored`,
        { details: { missing }, hint: 'send the missing chunks, then commit again' },
      );
    }
  }
}

/** Fields of a dentry for the content that `row` pins, without place and node. */
export function sameContent(row: EntryRow): DentryInit {
  const fields: DentryInit = { kind: row.kind, size: row.size, mode: row.mode };
  if (row.target !== undefined) fields.target = row.target;
  if (row.log !== undefined && row.root !== undefined && row.content !== undefined) {
    fields.log = row.log;
    fields.logCount = row.logCount;
    fields.root = row.root;
    fields.content = row.content;
  }
  return fields;
}

/** Throws `exists` or `changed` if what stands at `path` is not what the caller expects. */
export function checkPrecondition(
  path: string,
  row: { readonly content: Uint8Array | undefined } | undefined,
  precondition: Precondition = {},
): void {
  if (precondition.absent === true && row !== undefined) {
    throw new PathError('exists', (name) => `cannot create ${name(path)}: it exists`);
  }
  const { content } = precondition;
  if (content === undefined) return;
  if (row?.content === undefined || !bytesEqual(row.content, content)) {
    const state = row?.content === undefined ? 'no file is there' : formatDigest(row.content);
    throw new PathError(
      'changed',
      (name) =>
        `cannot change ${name(path)}: its content is another: ${state}, need ${formatDigest(content)}`,
    );
  }
}
