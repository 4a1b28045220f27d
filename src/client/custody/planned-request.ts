import { concatBytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { crc32, sha256 } from '../../base/digest.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { ContentFold, contentRoot, overlapping } from '../../format/content.ts';
import type { Chunk } from '../../format/manifest.ts';
import { joinPath, parseApiPath, parsePath } from '../../format/path.ts';
import { encodeFchunk } from '../../format/records.ts';
import type { ChangeRequest, ChangeSet } from '../../wire/generated/api.ts';
import { findVersion } from '../download.ts';
import { fetchManifest, type FileVersion } from '../manifest.ts';
import { readFile } from '../read.ts';
import type { ApiRequest, Session } from '../session.ts';
import type { TrustedVolume } from '../trust/volume-trust.ts';
import { type AskedChange, askedChanges, type LookedUp } from './asked-change.ts';
import { FILES } from './changing-request.ts';
import { type PastSource, provePast, provePastOf } from './past-tree.ts';

/** A request, and what it must lead to. */
export interface PlannedRequest {
  readonly request: ApiRequest;
  readonly changes: readonly AskedChange[];
  /** It is planned on what is there now: if that has `changed`, it can be planned again. */
  readonly isRace: boolean;
}

/** Where a request is planned. */
export interface PlanningPlace {
  readonly session: Session;
  readonly trusted: TrustedVolume;
  /** Records of the newest checkpoint that was seen. */
  readonly count: number;
}

/**
 * What a request asks for, as records that can be compared. What depends on the content of a file, or on
 * what was there in the past, is looked up first and proven, or held to the content root that is.
 */
export async function planRequest(
  request: ApiRequest,
  place: PlanningPlace,
): Promise<PlannedRequest> {
  const { session, trusted } = place;
  const { route, method, json, signal } = request;
  const asPlanned = (
    looked: LookedUp,
    changed: Partial<ApiRequest> = {},
    isRace = false,
  ): PlannedRequest => {
    const sent = { ...request, ...changed };
    return { request: sent, changes: askedChanges(sent, looked), isRace };
  };
  const source = { session, trusted, signal };
  if (route === `${FILES}/changes`) {
    return asPlanned(await sourcesOf({ ...source, ...place }, request, json as ChangeSet));
  }
  if (route !== FILES || method !== 'PATCH' || json === undefined) return asPlanned({});
  const body = json as ChangeRequest;
  const { path: apiPath } = request.query as { readonly path: string };
  const { path } = parseApiPath(apiPath);
  if (body.op === 'truncate') {
    const { etag, ...truncated } = await truncate(session, { path: apiPath, signal }, body.size);
    const isRace = request.ifMatch === undefined;
    return asPlanned({ truncated }, isRace ? { ifMatch: etag } : {}, isRace);
  }
  const isPast = body.op === 'restore' || (body.op === 'copy' && body.at !== undefined);
  if (!isPast) return asPlanned({});
  const recursive = body.op === 'restore' || body.recursive === true;
  try {
    const tree = await provePast({ ...source, at: body.at ?? '' }, { path, recursive });
    // A time may mean another state when the server comes to it.
    return asPlanned(
      { past: new Map([[path, tree]]) },
      { json: { ...body, at: String(tree.seq) } },
    );
  } catch (error) {
    // What cannot be proven of the past may still be there, if it is one thing.
    if (recursive || !isGdpfsError(error, 'bad_request')) throw error;
    return asPlanned({});
  }
}

/** What copies from the past are of, if that was before what was seen: newer things are there still. */
async function sourcesOf(
  source: Omit<PastSource, 'at'> & PlanningPlace,
  request: ApiRequest,
  { at, copiesFrom, changes }: ChangeSet,
): Promise<LookedUp> {
  if (at === undefined || !/^[0-9]+$/.test(at)) return {};
  if (Number(at) + 1 >= source.count) return {};
  const base = copiesFrom ?? (request.query as { readonly path: string }).path;
  const from = parseApiPath(base).path;
  const paths = changes.flatMap((change) =>
    change.op === 'copy' ? [joinPath(from, parsePath(change.path))] : [],
  );
  try {
    return { past: await provePastOf({ ...source, at }, paths) };
  } catch (error) {
    if (!isGdpfsError(error, 'bad_request')) throw error;
    return {};
  }
}

/** What makes the file `size` bytes long, and what it is before. */
async function truncate(
  session: Session,
  where: Pick<FileVersion, 'path' | 'signal'>,
  size: number,
): Promise<Required<Pick<LookedUp, 'truncated'>>['truncated'] & { readonly etag: string }> {
  const version = await findVersion(session, where);
  const { chunks, at, size: sizeBefore } = await fetchManifest(session, { ...version, ...where });
  const [hit] = overlapping(chunks, { offset: size, length: 1 });
  const end =
    hit === undefined || hit.offset === size
      ? { offset: size, length: 0, checksum: 0, digest: EMPTY_BYTES }
      : await cut(session, { ...version, ...where, at }, { hit, size });
  const fold = new ContentFold();
  for (const chunk of chunks) fold.apply(chunk);
  if (fold.manifest().size < sizeBefore) {
    fold.apply({ offset: sizeBefore, length: 0, checksum: 0, digest: EMPTY_BYTES });
  }
  fold.apply(end);
  const records = [encodeFchunk(end)];
  const content = { from: 'append', records, size, content: contentRoot(fold.manifest()) } as const;
  // The manifest was found to be of this ETag.
  return { content, before: contentRoot({ size: sizeBefore, chunks }), etag: version.etag };
}

/** The chunk, shorter: it ends where the file is to end. */
async function cut(
  session: Session,
  { path, ...version }: FileVersion,
  { hit: { offset }, size }: { readonly hit: Chunk; readonly size: number },
): Promise<Chunk> {
  const { at, signal } = version;
  const range = { offset, length: size - offset };
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(session, path, { range, version, at, signal })) {
    pieces.push(piece);
  }
  const data = concatBytes(pieces);
  return { offset, length: data.length, checksum: crc32(data), digest: sha256(data) };
}
