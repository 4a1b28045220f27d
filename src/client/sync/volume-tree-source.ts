import { bytesEqual, EMPTY_BYTES } from '../../base/bytes.ts';
import { crc32, formatDigest, sha256 } from '../../base/digest.ts';
import { assert, isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { PackEntry } from '../../wire/entry-pack.ts';
import { encodeEntryPack } from '../../wire/entry-pack-writer.ts';
import { ChosenFiles } from '../chosen-files.ts';
import { concurrently } from '../concurrently.ts';
import { copyFile } from '../copy-file.ts';
import type { DownloadVersion } from '../download.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import type { CallOptions } from '../files.ts';
import { rootOfWhole, unpackFiles } from '../packed-files.ts';
import type { OnProgress, Tally } from '../tally.ts';
import { missingDigests } from '../uploads.ts';
import type { TreeEntry } from './action.ts';
import { ENTRY_FAULTS, type PartAction } from './part-sender.ts';
import { sendEntries } from './send-entries.ts';
import type { VolumeDirectory, VolumeSource } from './volume-source.ts';

export interface VolumeTreeSourceOptions extends CallOptions {
  /** `at`: the state that the entries are of, a seq. */
  readonly from: VolumeDirectory & { readonly at: string };
  /** `chunking`: how its volume cuts files. `isEmpty`: it is known to have no chunks. */
  readonly to: VolumeDirectory & { readonly chunking: 'fixed' | 'cdc'; readonly isEmpty: boolean };
  readonly tally: Tally;
}

/**
 * A directory of another volume, perhaps of another server: all content comes through this process,
 * checked against its ETag, and only what the destination lacks goes on. Copies have the ETags of
 * their sources.
 */
export function volumeTreeSource(options: VolumeTreeSourceOptions): VolumeSource {
  const source = new VolumeTreeSource(options);
  const isCut = options.to.chunking === 'cdc';
  return {
    movesContent: true,
    // What the destination would cut anew goes chunk by chunk, and keeps its own.
    partFileBytesMax: isCut ? LIMITS.cutBytesMin : LIMITS.smallFileBytesMax,
    sendPart: (part) => source.sendPart(part),
    sendFile: (entry, sending) => source.sendFile(entry, sending),
    nameOf: (entry) => source.nameOf(entry),
  };
}

/** An entry of a part, with its content if it is a file. */
interface Loaded {
  readonly entry: TreeEntry;
  /** Of a file: a view that is good until its part is sent. */
  readonly data: Uint8Array;
  readonly digest: Uint8Array;
}

class VolumeTreeSource {
  readonly #options: VolumeTreeSourceOptions;
  readonly #files: ChosenFiles;

  constructor(options: VolumeTreeSourceOptions) {
    const { from, signal } = options;
    this.#options = options;
    this.#files = new ChosenFiles(from.session, { path: from.path, at: from.at, signal });
  }

  async sendPart(part: readonly PartAction[]): Promise<void> {
    const files = part.filter(({ kind }) => kind === 'file');
    if (files.length === 0) return await this.#send(part.map(({ entry }) => unloaded(entry)));
    const relatives = files.map(({ entry }) => entry.relative);
    const others = await this.#files.with(relatives, async (pack) => {
      const unpacked = unpackFiles(pack, files.length);
      const received = new Map(unpacked.map((file) => [files[file.index]?.entry, file]));
      const loaded: Loaded[] = [];
      const left: TreeEntry[] = [];
      for (const { kind, entry } of part) {
        const data = received.get(entry)?.data;
        if (kind !== 'file') loaded.push(unloaded(entry));
        // What has several chunks keeps them.
        else if (data?.length !== entry.size || !isWhole(entry, data)) left.push(entry);
        else loaded.push({ entry, data, digest: sha256(data) });
      }
      await this.#send(loaded);
      return left;
    });
    await concurrently(others, LIMITS.largeFilesInFlight, (entry) => this.#sendAlone(entry));
  }

  async sendFile(
    entry: TreeEntry,
    options: { readonly path: string; readonly onProgress: OnProgress },
  ): ReturnType<VolumeSource['sendFile']> {
    const { from, to, signal } = this.#options;
    const { path, onProgress } = options;
    const version: DownloadVersion = {
      path: this.nameOf(entry),
      at: from.at,
      size: entry.size,
      etag: etagOf(entry),
      mode: entry.mode,
      mtimeUs: entry.mtimeUs,
    };
    return await copyFile({
      from: { session: from.session, version },
      to: { session: to.session, path },
      onProgress,
      signal,
    });
  }

  nameOf({ relative }: TreeEntry): string {
    return `${this.#options.from.path}/${relative}`;
  }

  /** A small file that could not go with its part. */
  async #sendAlone(entry: TreeEntry): Promise<void> {
    const { tally } = this.#options;
    const path = this.#targetOf(entry);
    try {
      const done = await this.sendFile(entry, { path, onProgress: () => {} });
      tally.addBytes(done.size);
      tally.fileDone({ path, ...done });
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      tally.fail({ path: this.nameOf(entry), error });
    }
  }

  async #send(entries: readonly Loaded[]): Promise<void> {
    if (entries.length === 0) return;
    const present = this.#options.to.isEmpty ? new Set<Loaded>() : await this.#present(entries);
    await this.#post(entries, present);
  }

  /** Those of the files whose content the destination has. */
  async #present(entries: readonly Loaded[]): Promise<ReadonlySet<Loaded>> {
    const { to, signal } = this.#options;
    const files = entries.filter(({ entry }) => entry.kind === 'file' && entry.size > 0);
    if (files.length === 0) return new Set();
    const digests = files.map(({ digest }) => digest);
    const missing = await missingDigests(to.session, { path: to.path, digests, signal });
    const lacking = new Set(missing);
    return new Set(files.filter((_, index) => !lacking.has(index)));
  }

  /** All entries, or, if one of them is refused, all others. */
  async #post(entries: readonly Loaded[], present: ReadonlySet<Loaded>): Promise<void> {
    const { to, signal, tally } = this.#options;
    const pack = encodeEntryPack(entries.map((loaded) => packEntry(loaded, present.has(loaded))));
    try {
      await sendEntries(to.session, pack, { path: to.path, signal });
    } catch (error) {
      // What was there a moment ago may be gone, or rotten.
      if (isGdpfsError(error, 'chunk_missing') && present.size > 0) {
        return await this.#post(entries, new Set());
      }
      if (!isGdpfsError(error, ...ENTRY_FAULTS)) throw error;
      const [first] = entries;
      assert(first !== undefined, 'a pack has entries');
      if (entries.length === 1) return tally.fail({ path: this.#targetOf(first.entry), error });
      const middle = Math.ceil(entries.length / 2);
      await this.#post(entries.slice(0, middle), present);
      await this.#post(entries.slice(middle), present);
      return;
    }
    for (const loaded of entries) this.#count(loaded, present.has(loaded));
    tally.report();
  }

  #count({ entry }: Loaded, isPresent: boolean): void {
    const { tally } = this.#options;
    const { kind, size } = entry;
    const path = this.#targetOf(entry);
    if (kind === 'file') {
      const bytesSent = isPresent ? 0 : size;
      tally.addBytes(size);
      tally.fileDone({ path, size, bytesSent, bytesReused: size - bytesSent });
      return;
    }
    if (kind === 'directory') tally.directories += 1;
    else tally.links += 1;
    tally.observer.change?.({ kind: kind === 'directory' ? kind : 'link', path });
  }

  #targetOf({ relative }: TreeEntry): string {
    return `${this.#options.to.path}/${relative}`;
  }
}

function unloaded(entry: TreeEntry): Loaded {
  return { entry, data: EMPTY_BYTES, digest: EMPTY_BYTES };
}

function packEntry({ entry, data, digest }: Loaded, isPresent: boolean): PackEntry {
  const { kind, relative: path, mode, mtimeUs, size, target = '' } = entry;
  const base = { path, mode, mtimeUs };
  if (kind === 'directory') return { ...base, kind };
  if (kind === 'symlink') return { ...base, kind, target };
  if (isPresent) return { ...base, kind: 'reference', size, checksum: crc32(data), digest };
  return { ...base, kind, data, digest };
}

/** Is it the content, in one chunk? */
function isWhole({ content = EMPTY_BYTES }: TreeEntry, data: Uint8Array): boolean {
  return bytesEqual(rootOfWhole(data), content);
}

/** As the server names it. */
function etagOf({ content = EMPTY_BYTES }: TreeEntry): string {
  return formatDigest(content);
}
