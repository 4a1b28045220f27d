import type { DatabaseSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseCheckpoint } from '../format/checkpoint.ts';
import { type Commit, decodeCommit } from '../format/commit.ts';
import { decodeDentry } from '../format/dentry.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { joinPath } from '../format/path.ts';
import { decodeRecord } from '../format/records.ts';
import type { LogEngine } from '../log/engine.ts';
import { kindName } from './entry.ts';
import { EntryTable } from './entry-table.ts';
import { LEVEL, type Rights } from './rights.ts';
import { Sight } from './sight.ts';
import type { System } from './system.ts';
import { pathOfNode, type View } from './tree.ts';
import type { Entry } from './types.ts';
import type { Volumes } from './volumes.ts';

/** What a record changed, as somebody sees it who may see a part of the tree. */
export interface FeedEntry extends Pick<Entry, 'kind' | 'node' | 'seq' | 'author'> {
  readonly timeMs: number;
  /**
   * `created` is also what comes into sight, and `removed` what leaves it, with all that is below. What
   * stood at the path before has gone.
   */
  readonly change: 'created' | 'changed' | 'moved' | 'removed';
  /** Where it is after the change; where it was, if it was removed. */
  readonly path: string;
  /** Where it was, if it was moved. */
  readonly from?: string;
  /** Files that are there after the change. */
  readonly size?: number;
  readonly content?: Uint8Array;
}

export interface FeedPage {
  readonly entries: readonly FeedEntry[];
  /** Record where the next page begins. */
  readonly next: number;
  /** Was all read that there is? */
  readonly isEnd: boolean;
}

export interface FeedQuestion {
  /** The first record. */
  readonly from: number;
  readonly limit: number;
  /** Only what is there or below; `''` for all. */
  readonly path: string;
  /** Whose eyes see the tree. */
  readonly rights: Rights;
}

/** What happens in volumes, in order, as far as somebody may see it. */
export class Feed {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #system: System;
  readonly #entries: EntryTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly system: System;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#system = parts.system;
    this.#entries = new EntryTable(parts.reader);
  }

  /** Looks through a bounded number of records. Throws `bad_request` for a record that is not next. */
  async page(volume: Uint8Array, asked: FeedQuestion): Promise<FeedPage> {
    const { id, count } = this.#volumes.byName(volume);
    const { from, limit } = asked;
    if (from > count) {
      throw new GdpfsError(
        'bad_request',
        `cannot read changes from record ${from} on: the log has ${count}`,
      );
    }
    const eyes = new Eyes({ entries: this.#entries, volume: id }, asked);
    const entries: FeedEntry[] = [];
    const end = Math.min(count, from + LIMITS.feedScanRecordsMax);
    let next = from;
    while (next < end && entries.length < limit) {
      const [encoded] = await this.#engine.readCommits(id, { seq: next, limit: 1 });
      if (encoded === undefined) break;
      const commit = decodeCommit(encoded);
      const { timeMs } = parseCheckpoint(commit.checkpoint).checkpoint;
      const commitEnd = Math.min(end, commit.firstSeq + commit.records.length);
      for (; next < commitEnd && entries.length < limit; next += 1) {
        const entry = eyes.see(commit, next);
        if (entry !== undefined) entries.push({ ...entry, timeMs });
      }
    }
    return { entries, next, isEnd: next === count };
  }

  /**
   * Resolves when the volume, or who may do what, has changed since the call; when `signal` aborts;
   * when nobody may wait any more.
   */
  async grown(volume: Uint8Array, signal: AbortSignal): Promise<void> {
    const volumes = [this.#volumes.id(volume), this.#system.volume];
    await this.#engine.growth.next(volumes, signal);
  }

  /** Ends all waiting. */
  wakeAll(): void {
    this.#engine.growth.wakeAll();
  }
}

type Seen = Omit<FeedEntry, 'timeMs'>;

interface TreeState {
  readonly view: View;
  readonly sight: Sight;
  /** Of directories, by their nodes. */
  readonly paths: Map<number, string>;
}

/** What somebody sees of records, read in their order. */
class Eyes {
  readonly #view: View;
  readonly #asked: FeedQuestion;
  /** The directories, as long as none changes. */
  #state: TreeState;

  constructor(view: View, asked: FeedQuestion) {
    this.#view = view;
    this.#asked = asked;
    this.#state = this.#stateAt(asked.from);
  }

  /** The change of record `seq`; undefined if nothing of it may be seen, or was asked for. */
  see({ firstSeq, records }: Commit, seq: number): Seen | undefined {
    const record = records[seq - firstSeq];
    const body = record === undefined ? undefined : decodeRecord(record);
    if (body?.case !== 'dentry') return undefined;
    const dentry = decodeDentry(seq, body.value);
    const { author } = body.value;
    const { entries, volume } = this.#view;
    const { node } = dentry;
    const old = entries.placeOf(volume, node, seq);
    const before = old && this.#pathOf(old);
    const isRemoval = 'removed' in dentry;
    const kind = isRemoval ? old?.kind : dentry.kind;
    // Other records change nothing of who sees what in which directory.
    if (kind === NodeKind.DIRECTORY) this.#state = this.#stateAt(seq + 1);
    const after = isRemoval ? undefined : this.#pathOf(dentry);
    const isAbout = [before, after].some((path) => path !== undefined && this.#isAsked(path));
    if (kind === undefined || !isAbout) return undefined;
    const common = { seq, node, kind: kindName(kind), author };
    if (after === undefined || isRemoval) {
      return before === undefined ? undefined : { ...common, change: 'removed', path: before };
    }
    const { size, file } = dentry;
    const content = file === undefined ? {} : { size, content: file.content };
    const now = { ...common, ...content, path: after };
    if (before === undefined) return { ...now, change: 'created' };
    if (before === after) return { ...now, change: 'changed' };
    return { ...now, change: 'moved', from: before };
  }

  #stateAt(at: number): TreeState {
    const view = { ...this.#view, at };
    return { view, sight: new Sight(view, this.#asked.rights), paths: new Map() };
  }

  /** The path of a place, if it may be seen. */
  #pathOf({
    parent,
    name,
  }: {
    readonly parent: number;
    readonly name: string;
  }): string | undefined {
    const { view, sight, paths } = this.#state;
    let directory = paths.get(parent) ?? pathOfNode(view, parent);
    if (directory === undefined) return undefined;
    paths.set(parent, directory);
    directory = joinPath(directory, name);
    if (this.#asked.rights.whole > LEVEL.none) return directory;
    return sight.levelAt(directory) === undefined ? undefined : directory;
  }

  #isAsked(path: string): boolean {
    const { path: asked } = this.#asked;
    return asked === '' || path === asked || path.startsWith(`${asked}/`);
  }
}
