import type { DatabaseSync } from 'node:sqlite';
import { bytesEqual } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { CheckpointProof } from '../format/checkpoint-proof.ts';
import { type Commit, decodeCommit } from '../format/commit.ts';
import { joinPath } from '../format/path.ts';
import { decodeRecord } from '../format/records.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { LogEngine } from '../log/engine.ts';
import { EntryTable } from './entry-table.ts';
import type { Proofs } from './proofs.ts';
import { resolve } from './tree.ts';
import type { Volumes } from './volumes.ts';

/** A record of a volume's log, and what proves that it is one. */
export interface HistoryEntry {
  readonly seq: number;
  /** Where its directory is now, or was last, and its name. */
  readonly path: string;
  readonly record: Uint8Array;
  readonly inclusion: readonly Uint8Array[];
  /** Index of its commit in `commits`. */
  readonly commit: number;
}

export interface HistoryPage {
  readonly entries: readonly HistoryEntry[];
  /** Signed notes. */
  readonly commits: readonly Uint8Array[];
  /** Policy records that name the keys which signed them: the first and the newest one. */
  readonly policies: readonly Uint8Array[];
  readonly proof: CheckpointProof;
  readonly before: number | undefined;
}

export interface HistoryQuestion {
  readonly path: string;
  readonly before: number | undefined;
  readonly limit: number;
  readonly since: number;
}

/** Who changed what in a volume, read from its log backwards, a bounded part at a time. */
export class History {
  readonly #engine: LogEngine;
  readonly #volumes: Volumes;
  readonly #proofs: Proofs;
  readonly #entries: EntryTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volumes: Volumes;
    readonly proofs: Proofs;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volumes = parts.volumes;
    this.#proofs = parts.proofs;
    this.#entries = new EntryTable(parts.reader);
  }

  async page(volume: Uint8Array, asked: HistoryQuestion): Promise<HistoryPage> {
    const { id, count, policy } = this.#volumes.byName(volume);
    const proof = this.#proofs.checkpoint(volume, { since: asked.since, until: count });
    const about = new About(this.#entries, id, asked.path);
    const found: { seq: number; path: string; record: Uint8Array; commit: number }[] = [];
    const commits: Uint8Array[] = [];
    let next = Math.min(asked.before ?? count, count);
    let scanned = 0;
    let bytes = 0;
    while (next > 0 && scanned < LIMITS.logScanRecordsMax) {
      const encoded = await this.#engine.readCommitBefore(id, next);
      if (encoded === undefined) break;
      const commit = decodeCommit(encoded);
      commits.push(commit.checkpoint);
      for (; next > commit.firstSeq && found.length < asked.limit; next--) {
        const record = commit.records[next - 1 - commit.firstSeq];
        scanned += 1;
        const path = record === undefined ? undefined : about.path(record, next - 1);
        if (record === undefined || path === undefined) continue;
        found.push({ seq: next - 1, path, record, commit: commits.length - 1 });
        bytes += record.length;
      }
      if (found.length >= asked.limit || bytes > LIMITS.logPageBytesMax) break;
    }
    const entries = found.map((entry) => ({
      ...entry,
      inclusion: this.#engine.inclusion(id, { index: entry.seq, count }),
    }));
    const policies = await this.#policies(id, policy);
    return { entries, commits, policies, proof, before: next > 0 ? next : undefined };
  }

  async #policies(id: number, newest: Uint8Array): Promise<Uint8Array[]> {
    const [first] = await this.#engine.readCommits(id, { seq: 0, limit: 1 });
    const policies = first === undefined ? [] : policiesOf(decodeCommit(first));
    return policies.some((policy) => bytesEqual(policy, newest)) ? policies : [...policies, newest];
  }
}

function policiesOf({ records }: Commit): Uint8Array[] {
  return records.filter((record) => decodeRecord(record).case === 'volume');
}

/** Which records are about a path: by where they are, or by the node that is there now. */
class About {
  readonly #entries: EntryTable;
  readonly #volume: number;
  readonly #path: string;
  readonly #node: number | undefined;
  readonly #paths = new Map<number, string>([[ROOT_NODE, '']]);

  constructor(entries: EntryTable, volume: number, path: string) {
    this.#entries = entries;
    this.#volume = volume;
    this.#path = path;
    this.#node = path === '' ? undefined : nodeAt({ entries, volume }, path);
  }

  /** Path of the record, if it is about what was asked for. */
  path(record: Uint8Array, seq: number): string | undefined {
    const body = decodeRecord(record);
    if (body.case !== 'dentry') return this.#path === '' ? '' : undefined;
    const { parent, name, node } = body.value;
    const path = joinPath(this.#pathOf(Number(parent), 0), name);
    const isThere = this.#path === '' || path === this.#path || path.startsWith(`${this.#path}/`);
    const isNode = this.#node !== undefined && this.#node === Number(node ?? seq);
    return isThere || isNode ? path : undefined;
  }

  /** Where the node is now, or was last. */
  #pathOf(node: number, depth: number): string {
    const known = this.#paths.get(node);
    if (known !== undefined) return known;
    const row =
      this.#entries.placeOf(this.#volume, node) ?? this.#entries.lastPast(this.#volume, node);
    // A cycle of past places would be one of nodes that are gone.
    const isLost = row === undefined || depth > LIMITS.pathDepthMax;
    const path = isLost ? '?' : joinPath(this.#pathOf(row.parent, depth + 1), row.name);
    this.#paths.set(node, path);
    return path;
  }
}

function nodeAt(
  view: { readonly entries: EntryTable; readonly volume: number },
  path: string,
): number | undefined {
  try {
    return resolve(view, path).row?.node;
  } catch {
    // Its directory is gone: its name is what is left of it.
    return undefined;
  }
}
