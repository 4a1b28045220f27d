import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { NodeKind } from '../../format/generated/gdpfs_pb.js';
import { baseName, compareNames, joinPath, parentPath } from '../../format/path.ts';
import type { StateEntry } from '../../format/state-entry.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import { askProven, type ProvenPage } from '../trust/proven-tree.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import type { PastTree } from './asked-change.ts';

/** Where the past is asked for. */
export interface PastSource extends CallOptions {
  readonly session: Session;
  readonly trusted: TrustedVolume;
  /** A seq or an RFC 3339 time. */
  readonly at: string;
}

/**
 * What was at the path and, with `recursive`, below it, proven against the checkpoint that was seen; and the
 * seq of the state. Throws `not_found` if that is proven, `bad_request` for what the server cannot prove,
 * `body_too_large` for more names than a commit takes, `untrusted`.
 */
export async function provePast(
  source: PastSource,
  { path, recursive }: { readonly path: string; readonly recursive: boolean },
): Promise<PastTree & { readonly seq: number }> {
  const { leaf: top, seq } = await ask(source, path);
  if (top === undefined) {
    throw new GdpfsError('bad_request', 'cannot copy the root directory of a volume');
  }
  const below = new Map<number, readonly StateEntry[]>();
  const fixed = { ...source, at: String(seq) };
  let count = 0;
  const visit = async (directory: string, node: number): Promise<void> => {
    const found: StateEntry[] = [];
    for await (const leaf of namesIn(fixed, directory, '')) {
      count += 1;
      if (count >= LIMITS.commitRecordsMax) throw tooMany(path);
      found.push(leaf);
    }
    below.set(node, found);
    for (const { kind, name, node: inner } of found) {
      if (kind === NodeKind.DIRECTORY) await visit(joinPath(directory, name), inner);
    }
  };
  if (recursive && top.kind === NodeKind.DIRECTORY) await visit(path, top.node);
  return { seq, top, children: (node) => below.get(node) ?? [] };
}

/** What was at each of the paths that had something: of each directory the names are read together. */
export async function provePastOf(
  source: PastSource,
  paths: readonly string[],
): Promise<Map<string, PastTree>> {
  const found = new Map<string, PastTree>();
  const groups = Map.groupBy(new Set(paths), parentPath);
  for (const [directory, all] of groups) {
    const wanted = all.map((path) => baseName(path)).sort(compareNames);
    const [first = '', ...more] = wanted;
    const keep = (top: StateEntry): void => {
      found.set(joinPath(directory, top.name), { top, children: () => [] });
    };
    keep((await provePast(source, { path: joinPath(directory, first), recursive: false })).top);
    const names = new Set(more);
    if (names.size === 0) continue;
    for await (const leaf of namesIn(source, directory, first)) {
      if (names.delete(leaf.name)) keep(leaf);
      if (names.size === 0) break;
    }
  }
  return found;
}

/** What was in a directory, behind a name. */
async function* namesIn(
  source: PastSource,
  directory: string,
  after: string,
): AsyncGenerator<StateEntry, void, void> {
  let cursor: string | undefined = after;
  while (cursor !== undefined) {
    const page = await ask(source, directory, cursor);
    yield* page.leaves;
    ({ cursor } = page);
  }
}

async function ask(
  { session, trusted, at, signal }: PastSource,
  path: string,
  cursor?: string,
): Promise<ProvenPage> {
  const list = cursor === undefined ? {} : { list: { cursor, limit: LIMITS.listPageDefault } };
  return await askProven(session, trusted, { path, at, signal, ...list });
}

function tooMany(path: string): GdpfsError {
  return new GdpfsError(
    'body_too_large',
    `cannot copy "${path}": it has too many names, need fewer than ${LIMITS.commitRecordsMax}`,
    { hint: 'copy its directories one by one' },
  );
}
