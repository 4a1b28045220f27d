import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { LIMITS } from '../base/limits.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { KeptRule, type PlacedVersion } from '../log/kept-rule.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { KeptStates } from './kept-states.ts';
import { nodePlaces } from './node-places.ts';

const SQL = {
  now: `SELECT parent, name, seq, kind, log, log_count, content FROM entry
    WHERE volume = ? AND (parent, name) > (?, ?) ORDER BY parent, name LIMIT ?`,
  past: `SELECT parent, name, seq, kind, log, log_count, content, until FROM entry_past
    WHERE volume = ? AND (parent, name, seq) > (?, ?, ?) ORDER BY parent, name, seq LIMIT ?`,
} as const;

/** What a file is in some state: so many records of its log. */
export interface FileVersion {
  readonly log: Uint8Array;
  readonly logCount: number;
  /** Content root that its dentry pins. */
  readonly content: Uint8Array;
}

/** A row of the tables of entries. */
interface Row extends PlacedVersion {
  readonly name: string;
  readonly version: FileVersion | undefined;
}

/**
 * The versions of files that some kept state of a volume sees, a page at a time, while the volume goes on
 * changing. First what stands in its place now, then what stood there: so what changes its place meanwhile
 * is seen in one or the other. Versions of one file at one place follow each other.
 */
export class KeptVersions {
  readonly #volume: number;
  readonly #rule: KeptRule;
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync, volume: number, kept: KeptStates) {
    this.#volume = volume;
    this.#rule = new KeptRule(nodePlaces(database, volume), kept);
    this.#sql = prepareAll(database, SQL);
    for (const statement of Object.values(this.#sql)) statement.setReturnArrays(true);
  }

  /** Each page is read when it is asked for. */
  *pages(): Generator<readonly FileVersion[], void, void> {
    for (const read of [this.#now, this.#past]) {
      let last: Row = { parent: -1, name: '', seq: 0, until: 0, version: undefined };
      for (;;) {
        const rows = read(last);
        yield rows.flatMap((row) => {
          const { version } = row;
          return version !== undefined && this.#rule.isKept(row) ? version : [];
        });
        const end = rows.at(-1);
        if (end === undefined || rows.length < LIMITS.gcPageRows) break;
        last = end;
      }
    }
  }

  readonly #now = ({ parent, name }: Row): Row[] =>
    this.#sql.now.all(this.#volume, parent, name, LIMITS.gcPageRows).map(asRow);

  readonly #past = ({ parent, name, seq }: Row): Row[] =>
    this.#sql.past.all(this.#volume, parent, name, seq, LIMITS.gcPageRows).map(asRow);
}

/** In the order of the columns of both statements. */
function asRow(row: object): Row {
  const [parent, name, seq, kind, log, logCount, content, until] = row as readonly SQLOutputValue[];
  const isFile = kind === NodeKind.FILE && log instanceof Uint8Array;
  return {
    parent: Number(parent),
    name: String(name),
    seq: Number(seq),
    until: until === undefined ? Number.POSITIVE_INFINITY : Number(until),
    version: isFile
      ? { log, logCount: Number(logCount), content: content as Uint8Array }
      : undefined,
  };
}
