import { LIMITS } from '../base/limits.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { splitPath } from '../format/path.ts';
import { encodeStateEntry } from '../format/state-entry.ts';
import type { StateNodes } from '../format/state-map.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import { directoryRange, keyRange, type KeyRange, proveRanges } from '../format/state-proof.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { EntryRow, EntryTable } from './entry-table.ts';
import { stateEntryOf } from './state-fold.ts';

/** What is to be proven: what is at the path and, with `list`, a page of what is in it. */
export interface EvidenceQuestion {
  readonly path: string;
  readonly list?: { readonly after: string; readonly limit: number };
}

export interface ProvenTree {
  readonly entries: EntryTable;
  readonly nodes: StateNodes;
  /** Index id. */
  readonly volume: number;
}

/**
 * The nodes and entries that prove the answer, as far as the path leads: also that it leads nowhere,
 * or that something on the way is no directory.
 */
export function evidenceOf(
  tree: ProvenTree,
  { path, list }: EvidenceQuestion,
): Omit<StateEvidence, 'checkpoint'> {
  const walked = walk(tree, path);
  const { ranges, rows } = walked;
  let last = '';
  if (list !== undefined && walked.directory !== undefined) {
    const parent = walked.directory;
    const limit = Math.min(list.limit, LIMITS.listPageMax);
    const place = { volume: tree.volume, parent, name: list.after };
    const page = tree.entries.children(place, limit + 1);
    const isLast = page.length <= limit;
    rows.push(...page.slice(0, limit));
    if (!isLast) last = rows.at(-1)?.name ?? '';
    ranges.push(directoryRange(parent, { after: list.after, last: isLast ? undefined : last }));
  }
  const entries = rows.map((row) => encodeStateEntry(stateEntryOf(row)));
  return { nodes: proveRanges(tree.nodes, ranges), entries, last };
}

function walk(
  { entries, volume }: ProvenTree,
  path: string,
): { readonly ranges: KeyRange[]; readonly rows: EntryRow[]; directory: number | undefined } {
  const ranges: KeyRange[] = [];
  const rows: EntryRow[] = [];
  let parent = ROOT_NODE;
  for (const name of splitPath(path)) {
    ranges.push(keyRange(parent, name));
    const row = entries.byName({ volume, parent, name });
    if (row !== undefined) rows.push(row);
    if (row?.kind !== NodeKind.DIRECTORY) return { ranges, rows, directory: undefined };
    parent = row.node;
  }
  return { ranges, rows, directory: parent };
}
