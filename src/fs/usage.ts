import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { PathExtent } from '../format/path.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { QuotaRow } from './system-view.ts';

/** What a part of a volume's tree holds, now or more than before. */
export interface Usage {
  /** Of the content of files. */
  readonly bytes: number;
  /** Files, links and directories. */
  readonly entries: number;
}

const SQL = {
  get: 'SELECT bytes, entries FROM volume_usage WHERE volume = ? AND count = ?',
  set: 'INSERT OR REPLACE INTO volume_usage (volume, count, bytes, entries) VALUES (?, ?, ?, ?)',
  add: `UPDATE volume_usage SET count = ?3, bytes = bytes + ?4, entries = entries + ?5
    WHERE volume = ?1 AND count = ?2`,
  staged: 'SELECT sum(growth) AS bytes FROM upload WHERE volume = ?',
  below: `WITH RECURSIVE directory (node) AS (
      VALUES (?2) UNION ALL SELECT e.node FROM entry e JOIN directory d ON e.parent = d.node
      WHERE e.volume = ?1 AND e.kind = ${NodeKind.DIRECTORY}
    ) SELECT sum(size) AS bytes, count(*) AS entries FROM entry
    WHERE volume = ?1 AND parent IN (SELECT node FROM directory)`,
  extent: `WITH RECURSIVE below (node, kind, levels, bytes) AS (
      VALUES (?2, ${NodeKind.DIRECTORY}, 0, 0)
      UNION ALL SELECT e.node, e.kind, b.levels + 1, b.bytes + 1 + octet_length(e.name)
      FROM below b JOIN entry e ON e.parent = b.node
      WHERE b.kind = ${NodeKind.DIRECTORY} AND e.volume = ?1
    ) SELECT max(levels) AS levels, max(bytes) AS bytes FROM below`,
} as const;

/** A volume between two counts of its records. */
export interface UsageChange extends Usage {
  readonly volume: number;
  readonly before: number;
  readonly after: number;
}

/**
 * What each volume holds, through one connection of the index. It is known for one count of records,
 * and carried on by every change; where a restart or anything else made it miss one, it is counted
 * anew when it is asked for.
 */
export class UsageTable {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  /** What is below a node that is in the tree or was. */
  below(volume: number, node: number): Usage {
    return asUsage(this.#sql.below.get(volume, node));
  }

  /** By how much paths of what is below a directory are at most deeper and longer than its own. */
  extentBelow(volume: number, node: number): PathExtent {
    const row = this.#sql.extent.get(volume, node);
    return { levels: Number(row?.['levels'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
  }

  /** Of the whole volume, which has `count` records; undefined if nobody has counted. */
  known(volume: number, count: number): Usage | undefined {
    const row = this.#sql.get.get(volume, count);
    return row && asUsage(row);
  }

  /** Carries on what is known. The tables have the change already. */
  change({ volume, before, after, bytes, entries }: UsageChange): void {
    this.#sql.add.run(volume, before, after, bytes, entries);
  }

  /** Keeps what the whole volume holds at `count` records, so that it can be carried on. */
  keep(volume: number, count: number): Usage {
    const known = this.known(volume, count);
    if (known !== undefined) return known;
    const usage = this.below(volume, ROOT_NODE);
    this.#sql.set.run(volume, count, usage.bytes, usage.entries);
    return usage;
  }

  /** By how much uploads that are open may make the volume grow, in bytes. */
  staged(volume: number): number {
    return Number(this.#sql.staged.get(volume)?.['bytes'] ?? 0);
  }
}

/** Throws `quota_exceeded` if a change would take more than there is, or more of it. */
export function checkQuota(
  quota: QuotaRow,
  { total, growth }: { readonly total: Usage; readonly growth: Usage },
): void {
  const isOver = (what: keyof Usage): boolean =>
    quota[what] > 0 && growth[what] > 0 && total[what] > quota[what];
  const [over] = (['bytes', 'entries'] as const).filter(isOver);
  if (over === undefined) return;
  throw new GdpfsError(
    'quota_exceeded',
    `cannot write: the volume would hold ${total[over]} ${over}, need at most ${quota[over]}`,
    {
      hint: 'remove something, or ask an admin of the server for more; unfinished uploads count',
      details: { quota: quota[over], wouldBe: total[over], of: over },
    },
  );
}

function asUsage(row: Record<string, SQLOutputValue> | undefined): Usage {
  return { bytes: Number(row?.['bytes'] ?? 0), entries: Number(row?.['entries'] ?? 0) };
}
