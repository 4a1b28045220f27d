import { workerData } from 'node:worker_threads';
import { crc32, DIGEST_BYTES } from '../base/digest.ts';
import { bytesEqual } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { type Fault, faultOf } from '../base/fault.ts';
import { LIMITS } from '../base/limits.ts';
import { contentRoot } from '../format/content.ts';
import { decodeListing, ListingWriter } from '../wire/listing.ts';
import { EntryPackWriter, packBytesMax } from '../wire/entry-pack-writer.ts';
import { walk } from './local-walk.ts';
import { type PackedFile, packSmallFile } from './small-file.ts';
import type { TreeEntry } from './sync/action.ts';
import { compileFilter } from './sync/filter.ts';
import { isPacked, PartCutter } from './sync/part-cutter.ts';
import {
  type ListedPage,
  type LocalAnswer,
  type LocalRequest,
  type LocalWorkerData,
  type Packed,
  type PackedAhead,
  type Repacked,
  type RowFault,
  WAY,
} from './local-requests.ts';
import { serveTreeWorker } from './tree-worker.ts';

/** Lists a local tree, and reads, hashes and packs its small files, in a thread of its own. */

const { root, rules, packsAhead } = workerData as LocalWorkerData;
const isExcluded = rules.length === 0 ? undefined : compileFilter(rules);
type ListRequest = LocalRequest & { readonly kind: 'list' };

/** Directories with leftovers that nobody was told of. */
let partsIn: string[] = [];
let items = startWalk();
let parts = new PartCutter(true);
/** Entries of the part that has not ended yet. */
let part: TreeEntry[] = [];
/** Before it is asked for. */
let firstPage = packsAhead === true ? listAhead() : undefined;

function startWalk(): ReturnType<typeof walk> {
  partsIn = [];
  return walk(root, isExcluded, (directory) => partsIn.push(directory));
}

/** Undefined if it cannot be listed: who asks for it is told. */
function listAhead(): ListedPage | undefined {
  try {
    return listPage({ count: LIMITS.firstNames, packs: true });
  } catch {
    return undefined;
  }
}

function list({ isFirst, packs, memory }: ListRequest): ListedPage {
  if (!isFirst) return listPage({ count: LIMITS.walkPageEntries, packs, memory });
  const page = firstPage;
  firstPage = undefined;
  if (page !== undefined) return page;
  items = startWalk();
  parts = new PartCutter(true);
  part = [];
  return listPage({ count: LIMITS.firstNames, packs, memory });
}

/** Ends behind a part, so that it has one pack at most. */
function listPage(
  how: Pick<ListRequest, 'packs' | 'memory'> & { readonly count: number },
): ListedPage {
  const writer = new ListingWriter();
  const faults: ListedPage['faults'][number][] = [];
  let isLast = false;
  let packed: PackedAhead | undefined;
  for (let index = 0; index < how.count && packed === undefined; ) {
    const next = items.next();
    if (next.done === true) {
      isLast = true;
      break;
    }
    const item = next.value;
    if (item.kind === 'fault') {
      faults.push({ index, relative: item.relative, fault: faultOf(item.error) });
      if (faults.length >= LIMITS.walkPageEntries) break;
      continue;
    }
    writer.add(item);
    index += 1;
    if (how.packs && isPacked(item)) {
      part.push(item);
      if (parts.endsBehind(item)) packed = endPart(how.memory);
    }
  }
  if (isLast && part.length > 0) packed = endPart(how.memory);
  const page = { rows: writer.finish(), faults, partsIn };
  partsIn = [];
  return { kind: 'list', ...page, isLast, packed };
}

function endPart(memory: ArrayBufferLike | undefined): PackedAhead {
  const packed = packEntries(part, memory);
  const { length: count } = part;
  part = [];
  return { ...packed, count };
}

function pack({ rows, memory }: LocalRequest & { readonly kind: 'pack' }): Packed {
  return packEntries(decodeListing(rows), memory);
}

function packEntries(entries: readonly TreeEntry[], memory: ArrayBufferLike | undefined): Packed {
  const writer = new EntryPackWriter(roomFor(entries, memory));
  const changed = new Map<TreeEntry, TreeEntry>();
  const digests = new Uint8Array(entries.length * DIGEST_BYTES);
  const isSame = new Uint8Array(entries.length);
  const places = new Uint32Array(entries.length);
  const faults: RowFault[] = [];
  for (const [index, entry] of entries.entries()) {
    const row = packRow(entry, writer);
    if ('fault' in row) faults.push({ index, fault: row.fault });
    if ('entry' in row && row.entry !== entry) changed.set(entry, row.entry);
    if (!('digest' in row)) continue;
    digests.set(row.digest, index * DIGEST_BYTES);
    isSame[index] = hasContent(row, entry.content) ? 1 : 0;
    places[index] = row.place;
  }
  const now = changed.size === 0 ? undefined : listingOf(entries, changed);
  return { kind: 'pack', rows: now, digests, isSame, places, faults, pack: writer.finish() };
}

function listingOf(
  entries: readonly TreeEntry[],
  changed: ReadonlyMap<TreeEntry, TreeEntry>,
): Uint8Array<ArrayBuffer> {
  const writer = new ListingWriter();
  for (const entry of entries) writer.add(changed.get(entry) ?? entry);
  return writer.finish();
}

function roomFor(
  entries: readonly TreeEntry[],
  memory: ArrayBufferLike | undefined,
): ArrayBufferLike {
  const needed = packBytesMax(entries);
  return memory !== undefined && memory.byteLength >= needed
    ? memory
    : new SharedArrayBuffer(needed);
}

function packRow(
  entry: TreeEntry,
  writer: EntryPackWriter,
): PackedFile | { readonly entry: TreeEntry } | { readonly fault: Fault } {
  const { relative: path, mode, mtimeUs, target = '' } = entry;
  switch (entry.kind) {
    case 'directory':
      writer.add({ kind: 'directory', path, mode, mtimeUs });
      return { entry };
    case 'symlink':
      writer.add({ kind: 'symlink', path, mode, mtimeUs, target });
      return { entry };
    case 'file':
      try {
        return packSmallFile(`${root}/${path}`, entry, writer);
      } catch (error) {
        if (!isGdpfsError(error)) throw error;
        return { fault: faultOf(error) };
      }
  }
}

function hasContent(
  { entry: { size }, digest, data }: PackedFile,
  content: Uint8Array | undefined,
): boolean {
  if (content === undefined) return false;
  const chunks = data.length === 0 ? [] : [{ offset: 0, length: size, digest, checksum: 0 }];
  return bytesEqual(contentRoot({ size, chunks }), content);
}

function repack(request: LocalRequest & { readonly kind: 'repack' }): Repacked {
  const { digests, places, pack: whole, ways } = request;
  const rest = new EntryPackWriter(new SharedArrayBuffer(whole.length));
  for (const [index, entry] of decodeListing(request.rows).entries()) {
    const way = ways[index];
    if (way !== WAY.whole && way !== WAY.reference) continue;
    if (entry.kind !== 'file') {
      packRow(entry, rest);
      continue;
    }
    const { relative: path, mode, mtimeUs, size } = entry;
    const place = places[index] ?? 0;
    const data = whole.subarray(place, place + size);
    const digest = digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
    const head = { path, mode, mtimeUs, digest };
    if (way === WAY.whole) rest.add({ ...head, kind: 'file', data });
    else rest.add({ ...head, kind: 'reference', size, checksum: crc32(data) });
  }
  const sent = rest.count === 0 ? undefined : rest.finish();
  return { kind: 'repack', pack: sent };
}

function answer(request: LocalRequest): LocalAnswer {
  switch (request.kind) {
    case 'list':
      return list(request);
    case 'pack':
      return pack(request);
    case 'repack':
      return repack(request);
  }
}

serveTreeWorker<LocalRequest, LocalAnswer>(
  (request) => Promise.resolve(answer(request)),
  (given) => {
    if (given.kind === 'list') {
      return [given.rows.buffer, ...(given.packed === undefined ? [] : buffersOf(given.packed))];
    }
    return given.kind === 'pack' ? buffersOf(given) : [];
  },
);

function buffersOf({ rows, digests }: Packed): ArrayBuffer[] {
  return rows === undefined ? [digests.buffer] : [rows.buffer, digests.buffer];
}
