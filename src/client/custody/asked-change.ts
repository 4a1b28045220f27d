import { parseDigest } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { decodeRecords } from '../../format/commit.ts';
import { joinPath, parseApiPath, parsePath } from '../../format/path.ts';
import { decodeRecord } from '../../format/records.ts';
import type { StateEntry } from '../../format/state-entry.ts';
import type {
  ChangeBelow,
  ChangeRequest,
  ChangeSet,
  CreateRequest,
  FilesDeleteQuery,
  FilesPatchQuery,
} from '../../wire/generated/api.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { decodeEntryPack, type PackEntry } from '../../wire/entry-pack.ts';
import { decodeTar, type TarEntry } from '../../wire/tar.ts';
import type { ApiRequest } from '../session.ts';
import { FILES, STORAGE_FILES } from './changing-request.ts';

/** Mode and time that a change sets; what it does not say stays, or is the usual one. */
interface Attributes {
  readonly mode?: number | undefined;
  readonly mtimeUs?: number | undefined;
}

/** What must be at the path before. */
export interface Condition {
  /** Content root. */
  readonly content?: Uint8Array | undefined;
  readonly absent?: boolean | undefined;
}

/** Where the content of a file comes from. */
export type AskedContent =
  /** The client has made the file log. */
  | ({ readonly from: 'log'; readonly records: readonly Uint8Array[] } & Roots)
  /** The client has made what goes on behind the content that is there. */
  | ({ readonly from: 'append'; readonly records: readonly Uint8Array[] } & Omit<Roots, 'root'>)
  | { readonly from: 'data'; readonly data: Uint8Array; readonly digest: Uint8Array | undefined }
  /** One chunk that the volume has. */
  | {
      readonly from: 'chunk';
      readonly size: number;
      readonly checksum: number;
      readonly digest: Uint8Array;
    }
  | { readonly from: 'zeros'; readonly size: number };

interface Roots {
  readonly size: number;
  readonly root: Uint8Array;
  readonly content: Uint8Array;
}

/** What was at a path, and below it, at some moment, as the volume's writer has signed it. */
export interface PastTree {
  readonly top: StateEntry;
  /** In the order of their names. */
  children(node: number): readonly StateEntry[];
}

/** What must be looked up before the records of some requests can be told. */
export interface LookedUp {
  /** What makes a file as long as a truncation says, and its content root before. */
  readonly truncated?: { readonly content: AskedContent; readonly before: Uint8Array };
  /** By the path inside the volume, of what comes from the past. */
  readonly past?: ReadonlyMap<string, PastTree>;
}

/** A change that a request asks for. Paths are inside the volume, parsed. */
export type AskedChange =
  | ({ readonly kind: 'mkdir'; readonly path: string; readonly parents: boolean } & Attributes)
  | ({
      readonly kind: 'symlink';
      readonly path: string;
      readonly target: string;
      readonly parents: boolean;
      readonly condition?: Condition;
    } & Attributes)
  | ({
      readonly kind: 'file';
      readonly path: string;
      readonly content: AskedContent;
      readonly parents: boolean;
      readonly condition?: Condition;
    } & Attributes)
  | {
      readonly kind: 'rename';
      readonly path: string;
      readonly to: string;
      readonly condition?: Condition;
    }
  | {
      readonly kind: 'copy';
      readonly path: string;
      readonly to: string;
      readonly recursive: boolean;
      readonly parents: boolean;
      /** As it was after that record; now if absent. */
      readonly atSeq?: number | undefined;
      /** What it was then, proven; if absent, it must be the same still. */
      readonly past?: PastTree | undefined;
      readonly condition?: Condition;
    }
  /** The path becomes again what it was. */
  | { readonly kind: 'restore'; readonly path: string; readonly past: PastTree }
  | {
      readonly kind: 'remove';
      readonly path: string;
      readonly recursive: boolean;
      /** Nothing of another kind; a symbolic link counts as a file. */
      readonly only?: 'file' | 'directory' | undefined;
      readonly condition?: Condition;
    }
  | ({ readonly kind: 'set'; readonly path: string; readonly condition?: Condition } & Attributes);

/** What a request asks for, in its order. Throws `usage` for what nobody could check. */
export function askedChanges(request: ApiRequest, looked: LookedUp = {}): AskedChange[] {
  const { method, route, json, body } = request;
  if (route === FILES && method === 'POST') return [createdBy(request, json as CreateRequest)];
  if (route === FILES && method === 'DELETE') {
    const { path, recursive = false, only } = request.query as FilesDeleteQuery;
    const place = { path: parseApiPath(path).path, recursive, only };
    return [{ kind: 'remove', ...place, ...conditionOf(request) }];
  }
  if (route === FILES && body?.type === MEDIA_TYPES.records) return [committedBy(request)];
  if (route === FILES) return [changedBy(request, json as ChangeRequest, looked)];
  if (route === `${FILES}/changes`) return changesBelow(request, json as ChangeSet, looked);
  if (route === STORAGE_FILES && body?.type === MEDIA_TYPES.tar) {
    return unpackedBy(request, decodeTar(body.bytes));
  }
  if (route === STORAGE_FILES && body?.type === MEDIA_TYPES.entries) {
    return unpackedBy(request, decodeEntryPack(body.bytes));
  }
  throw uncheckable('write a file whose chunks the server makes');
}

function createdBy(request: ApiRequest, body: CreateRequest): AskedChange {
  const { path } = parseApiPath(body.path);
  const condition = conditionOf(request);
  if (body.kind === 'upload' || body.kind === 'append') throw uncheckable('open an upload');
  const { parents = false, mode, mtimeUs } = body;
  const common = { path, parents, mode, mtimeUs };
  switch (body.kind) {
    case 'directory':
      return { kind: 'mkdir', ...common };
    case 'symlink':
      return { kind: 'symlink', ...common, target: body.target, ...condition };
    case 'file':
      return {
        kind: 'file',
        ...common,
        content: { from: 'zeros', size: body.size ?? 0 },
        ...condition,
      };
  }
}

function committedBy(request: ApiRequest): AskedChange {
  const { path: apiPath, root, content, size, ...rest } = request.query as FilesPatchQuery;
  const { path } = parseApiPath(apiPath);
  const digest = content === undefined ? undefined : parseDigest(content);
  if (digest === undefined || size === undefined) throw uncheckable('commit an upload');
  const records = decodeRecords(request.body?.bytes ?? new Uint8Array(0), LIMITS.fileRecordsMax);
  const { parents = false, mode, mtimeUs } = rest;
  // Who appends sends no meta record, with or without the root of all.
  const rooted = root === undefined || !beginsLog(records) ? undefined : parseDigest(root);
  const roots = { records, size, content: digest };
  return {
    kind: 'file',
    path,
    parents,
    mode,
    mtimeUs,
    content:
      rooted === undefined ? { from: 'append', ...roots } : { from: 'log', ...roots, root: rooted },
    ...conditionOf(request),
  };
}

function beginsLog([first]: readonly Uint8Array[]): boolean {
  return first !== undefined && decodeRecord(first).case === 'meta';
}

function changedBy(request: ApiRequest, body: ChangeRequest, looked: LookedUp): AskedChange {
  const { path } = parseApiPath((request.query as FilesPatchQuery).path);
  const condition = conditionOf(request);
  switch (body.op) {
    case 'rename':
      return { kind: 'rename', path, to: parseApiPath(body.to).path, ...condition };
    case 'copy': {
      const { recursive = false } = body;
      const to = parseApiPath(body.to).path;
      const from = { atSeq: seqOf(body.at), past: looked.past?.get(path) };
      return { kind: 'copy', path, to, recursive, parents: false, ...from, ...condition };
    }
    case 'set':
      return { kind: 'set', path, mode: body.mode, mtimeUs: body.mtimeUs, ...condition };
    case 'truncate': {
      const { truncated } = looked;
      if (truncated === undefined) throw uncheckable('truncate a file');
      const { content, before } = truncated;
      return { kind: 'file', path, parents: false, content, condition: { content: before } };
    }
    case 'restore': {
      const past = looked.past?.get(path);
      if (past === undefined) throw uncheckable('restore what was there');
      return { kind: 'restore', path, past };
    }
  }
}

function changesBelow(request: ApiRequest, set: ChangeSet, looked: LookedUp): AskedChange[] {
  const { path: directory } = parseApiPath((request.query as { readonly path: string }).path);
  const from = set.copiesFrom === undefined ? directory : parseApiPath(set.copiesFrom).path;
  const places = { directory, from, atSeq: seqOf(set.at), past: looked.past };
  return set.changes.map((change) => changeBelow(change, places));
}

function changeBelow(
  change: ChangeBelow,
  {
    directory,
    from,
    atSeq,
    past,
  }: {
    readonly directory: string;
    readonly from: string;
    readonly atSeq: number | undefined;
    readonly past: LookedUp['past'];
  },
): AskedChange {
  const below = (relative: string, base = directory): string => joinPath(base, parsePath(relative));
  switch (change.op) {
    case 'remove':
      return { kind: 'remove', path: below(change.path), recursive: true };
    case 'set': {
      const { mode, mtimeUs, content } = change;
      const condition =
        content === undefined ? {} : { condition: { content: parseDigest(content) } };
      return { kind: 'set', path: below(change.path), mode, mtimeUs, ...condition };
    }
    case 'copy': {
      const path = below(change.path, from);
      const to = below(change.to);
      const source = { atSeq, past: past?.get(path) };
      return { kind: 'copy', path, to, recursive: false, parents: true, ...source };
    }
  }
}

function unpackedBy(
  request: ApiRequest,
  entries: readonly (TarEntry | PackEntry)[],
): AskedChange[] {
  const { path: apiPath, parents = false } = request.query as {
    readonly path: string;
    readonly parents?: boolean;
  };
  const { path: directory } = parseApiPath(apiPath);
  const first: AskedChange[] = parents ? [{ kind: 'mkdir', path: directory, parents: true }] : [];
  return [...first, ...entries.map((entry) => unpacked(directory, entry))];
}

function unpacked(directory: string, entry: TarEntry | PackEntry): AskedChange {
  const { mode, mtimeUs } = entry;
  const common = { path: joinPath(directory, entry.path), parents: true, mode, mtimeUs };
  switch (entry.kind) {
    case 'directory':
      return { kind: 'mkdir', ...common };
    case 'symlink':
      return { kind: 'symlink', ...common, target: entry.target };
    case 'reference': {
      const { size, checksum, digest } = entry;
      return { kind: 'file', ...common, content: { from: 'chunk', size, checksum, digest } };
    }
    case 'file': {
      const { data, digest } = entry;
      return { kind: 'file', ...common, content: { from: 'data', data, digest } };
    }
  }
}

function conditionOf({ ifMatch, ifAbsent }: ApiRequest): { readonly condition?: Condition } {
  if (ifMatch === undefined && ifAbsent !== true) return {};
  const content = ifMatch === undefined ? undefined : parseDigest(ifMatch);
  return { condition: { content, absent: ifAbsent } };
}

function seqOf(at: string | undefined): number | undefined {
  if (at === undefined) return undefined;
  if (!/^[0-9]+$/.test(at)) throw uncheckable('copy from a time in the past');
  return Number(at);
}

function uncheckable(what: string): GdpfsError {
  return new GdpfsError(
    'usage',
    `cannot ${what} in a volume with custody "client": what would be signed cannot be checked`,
    { hint: 'have the bytes here and write them: "gdpfs cp" there and back does' },
  );
}
