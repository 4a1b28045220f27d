import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { formatDigest, parseDigest } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parsePath } from '../../format/path.ts';
import { localError, quote } from '../local-error.ts';
import type { Action, ActionPages, TreeEntry } from './action.ts';
import type { CompareBy } from './compare.ts';
import type { FilterRule } from './filter.ts';

/** What decides which actions a synchronization is made of. */
export interface SyncRules {
  readonly by: CompareBy;
  /** Remove at the destination what the source does not have. */
  readonly remove: boolean;
  /** Also what the rules exclude. */
  readonly removeExcluded: boolean;
  readonly existing: 'replace' | 'keep' | 'newer';
  readonly rules: readonly FilterRule[];
}

/** First line of a plan file. */
export interface PlanHeader {
  readonly gdpfsPlan: 1;
  /** Local: absolute. Remote: `gdp://VOLUME/PATH`. */
  readonly source: string;
  readonly destination: string;
  readonly options: SyncRules;
  /** State of the volume of each side that is one. */
  readonly sourceSeq?: number | undefined;
  readonly destinationSeq?: number | undefined;
}

const LINE_BREAK = '\n';

/** Writes a plan: NDJSON, the header and an action a line. Resolves to the number of actions. */
export async function writePlan(
  path: string,
  header: PlanHeader,
  pages: ActionPages,
): Promise<number> {
  let count = 0;
  const file = await openPlan(path, 'w');
  try {
    await file.write(formatHeader(header) + LINE_BREAK);
    for await (const actions of pages) {
      count += actions.length;
      await file.write(actions.map((action) => formatAction(action) + LINE_BREAK).join(''));
    }
    return count;
  } catch (cause) {
    throw localError('write', path, cause);
  } finally {
    await file.close();
  }
}

/** Throws `bad_request` if it is not one. */
export async function readPlanHeader(path: string): Promise<PlanHeader> {
  for await (const line of linesOf(path)) return parseHeader(path, line);
  throw noPlan(path, 'it is empty');
}

/** The actions of a plan, checked. Throws `bad_request`. */
export async function* readPlan(path: string): ActionPages {
  let actions: Action[] = [];
  let number = 0;
  for await (const line of linesOf(path)) {
    number += 1;
    if (number === 1) continue;
    actions.push(parseAction(path, line, number));
    if (actions.length < LIMITS.planPageActions) continue;
    yield actions;
    actions = [];
  }
  if (actions.length > 0) yield actions;
}

/** The first line of a plan file, without its end. */
export function formatHeader(header: PlanHeader): string {
  return jsonLine(header);
}

/** One line of a plan file, without its end. */
export function formatAction(action: Action): string {
  const { kind, entry } = action;
  return jsonLine({
    action: kind,
    ...entryJson(entry),
    ...('reason' in action ? { reason: action.reason } : {}),
    ...('count' in action ? { count: action.count } : {}),
    ...('existing' in action ? { existing: entryJson(action.existing) } : {}),
  });
}

/** Some readers of lines, Node's too, take these for the end of one. */
function jsonLine(value: object): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

interface EntryJson {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
  readonly size: number;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly etag?: string;
  readonly target?: string;
}

function entryJson(entry: TreeEntry): EntryJson {
  const { relative: path, kind, size, mode, mtimeUs, content, target } = entry;
  return {
    path,
    kind,
    size,
    mode,
    mtimeUs,
    ...(content === undefined ? {} : { etag: formatDigest(content) }),
    ...(target === undefined ? {} : { target }),
  };
}

async function* linesOf(path: string): AsyncGenerator<string, void, void> {
  const input = createReadStream(path);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    // An error of the stream does not reach whoever reads the lines.
    const failed = new Promise<never>((_, reject) => input.once('error', reject));
    failed.catch(() => {});
    const each = lines[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([each.next(), failed]);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (cause) {
    throw localError('read', path, cause);
  } finally {
    lines.close();
    input.destroy();
  }
}

async function openPlan(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (cause) {
    throw localError('create', path, cause);
  }
}

function parseHeader(path: string, line: string): PlanHeader {
  const value = parseJson(path, line, 1);
  if (value['gdpfsPlan'] !== 1) throw noPlan(path, 'its first line is no header of version 1');
  return value as unknown as PlanHeader;
}

function parseAction(path: string, line: string, number: number): Action {
  const value = parseJson(path, line, number);
  const { action: kind, reason, count, existing } = value;
  const entry = parseEntry(value);
  const there = existing === undefined ? undefined : parseEntry(existing);
  const action = entry && actionOf({ kind, entry, reason, count, existing: there });
  if (action === undefined) throw noPlan(path, `line ${number} is no action`);
  return action;
}

function actionOf(parts: {
  readonly kind: unknown;
  readonly entry: TreeEntry;
  readonly reason: unknown;
  readonly count: unknown;
  readonly existing: TreeEntry | undefined;
}): Action | undefined {
  const { kind, entry, reason, count, existing } = parts;
  const there = existing === undefined ? {} : { existing };
  switch (kind) {
    case 'file':
    case 'symlink':
    case 'directory': {
      const isReason = reason === 'new' || reason === 'changed';
      return isReason && entry.kind === kind ? { kind, entry, reason, ...there } : undefined;
    }
    case 'attributes':
    case 'conflict':
      return existing === undefined ? undefined : { kind, entry, existing };
    case 'remove':
      return typeof count === 'number' && count >= 1 ? { kind, entry, count } : undefined;
    default:
      return undefined;
  }
}

const KINDS: readonly unknown[] = ['file', 'directory', 'symlink'];

function parseEntry(value: unknown): TreeEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { path, kind, size, mode, mtimeUs, etag, target } = value as Partial<EntryJson>;
  const content = etag === undefined ? undefined : parseDigest(String(etag));
  const isEntry =
    typeof path === 'string' &&
    path !== '' &&
    parsePath(path) === path &&
    KINDS.includes(kind) &&
    [size, mode, mtimeUs].every((number) => Number.isSafeInteger(number)) &&
    (etag === undefined || content !== undefined) &&
    (typeof target === 'string') === (kind === 'symlink');
  if (!isEntry) return undefined;
  const named = { relative: path, kind, size, mode, mtimeUs } as TreeEntry;
  return {
    ...named,
    ...(content === undefined ? {} : { content }),
    ...(target === undefined ? {} : { target }),
  };
}

function parseJson(path: string, line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw noPlan(path, `line ${number} is no JSON object`);
}

function noPlan(path: string, why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot use ${quote(path)} as a plan: ${why}`);
}
