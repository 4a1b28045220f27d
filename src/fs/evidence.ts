import { LIMITS } from '../base/limits.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { splitPath } from '../format/path.ts';
import { encodeStateEntry } from '../format/state-entry.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import type { StateNodes } from '../format/state-map.ts';
import { directoryRange, keyRange, type KeyRange, proveRanges } from '../format/state-proof.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { EntryRow } from './entry-table.ts';
import { seenRows, type Sight } from './sight.ts';
import { stateEntryOf } from './state-fold.ts';
import { type View, wholeRows } from './tree.ts';

/** What is to be proven: what is at the path and, with `list`, a page of what is in it. */
export interface EvidenceQuestion {
  readonly path: string;
  readonly list?: { readonly after: string; readonly limit: number };
}

/** A state of a volume's tree, with the nodes of its state map. */
export interface ProvenTree extends View {
  readonly nodes: StateNodes;
}

/** What an answer is made of. */
export interface Answer {
  /** Of keys, that tell the answer. */
  readonly ranges: readonly KeyRange[];
  /** Those on the path, then those listed. */
  readonly rows: readonly EntryRow[];
  /** Directories that were looked into, in that order, and the names that were found there. */
  readonly looked: ReadonlyMap<number, readonly string[]>;
  /** Last name of the page; `''` if it goes to the end. */
  readonly last: string;
}

/**
 * What is at the path as far as it leads: also that it leads nowhere, or that something on the way is no
 * directory. With a sight, nothing but what that sees.
 */
export function answerTo(view: View, { path, list }: EvidenceQuestion, sight?: Sight): Answer {
  const walked = walk(view, path, sight);
  const { ranges, rows, looked, directory: parent } = walked;
  if (list === undefined || parent === undefined) return { ...walked, last: '' };
  const limit = Math.min(list.limit, LIMITS.listPageMax);
  const read = seenRows(view, sight, wholeRows(view));
  const page = read(parent, { after: list.after, limit: limit + 1 });
  const isLast = page.length <= limit;
  const listed = page.slice(0, limit);
  rows.push(...listed);
  looked.set(
    parent,
    listed.map(({ name }) => name),
  );
  const last = isLast ? undefined : rows.at(-1)?.name;
  ranges.push(directoryRange(parent, { after: list.after, last }));
  return { ranges, rows, looked, last: last ?? '' };
}

/** The nodes and entries that prove the answer. */
export function evidenceOf(
  tree: ProvenTree,
  question: EvidenceQuestion,
): Pick<StateEvidence, 'nodes' | 'entries' | 'last'> {
  const { ranges, rows, last } = answerTo(tree, question);
  return { nodes: proveRanges(tree.nodes, ranges), entries: encodeRows(rows), last };
}

export function encodeRows(rows: readonly EntryRow[]): Uint8Array[] {
  return rows.map((row) => encodeStateEntry(stateEntryOf(row)));
}

interface Walk {
  readonly ranges: KeyRange[];
  readonly rows: EntryRow[];
  readonly looked: Map<number, readonly string[]>;
  /** Where the path ends, if in a directory. */
  readonly directory: number | undefined;
}

function walk({ entries, volume, at }: View, path: string, sight: Sight | undefined): Walk {
  const ranges: KeyRange[] = [];
  const rows: EntryRow[] = [];
  const looked = new Map<number, readonly string[]>();
  let parent = ROOT_NODE;
  for (const name of splitPath(path)) {
    ranges.push(keyRange(parent, name));
    const isSeen = sight?.namesIn(parent)?.includes(name) ?? true;
    const row = isSeen ? entries.byName({ volume, parent, name }, at) : undefined;
    looked.set(parent, row === undefined ? [] : [name]);
    if (row !== undefined) rows.push(row);
    if (row?.kind !== NodeKind.DIRECTORY) return { ranges, rows, looked, directory: undefined };
    parent = row.node;
  }
  return { ranges, rows, looked, directory: parent };
}
