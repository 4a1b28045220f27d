import { workerData } from 'node:worker_threads';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TarEntry } from '../wire/tar.ts';
import { walk, type WalkItem } from './local-walk.ts';
import { makeTarBody, type TarBody } from './tar-body.ts';
import { readSmallFile } from './small-file.ts';
import { type Fault, faultOf, serveTreeWorker } from './tree-worker.ts';

/** Walks a tree, reads and hashes its small files and packs them, in a thread of its own. */

/** A part of the tree, as it is sent. */
export interface TreePart {
  /** Directories, links and small files: the body of one tar stream. */
  readonly tar?: TarBody;
  /** Files that travel chunk by chunk. */
  readonly large: readonly LargeFile[];
  readonly faults: readonly { readonly relative: string; readonly fault: Fault }[];
  /** Files and links that stay as they are. */
  readonly skipped: number;
  readonly isLast: boolean;
}

export interface UploadWorkerData {
  /** Local directory. */
  readonly source: string;
  /** Files and links, by their path below `source`, that are not to be sent. */
  readonly kept: ReadonlySet<string> | undefined;
}

export interface LargeFile {
  readonly path: string;
  readonly relative: string;
  /** Bytes. */
  readonly size: number;
}

/** Bytes of headers for one tar entry, at most, beside what its path and target take. */
const TAR_HEADERS_BYTES = 2048;
/** A path is in the headers up to three times, once percent-encoded. */
const TAR_PATH_COPIES = 6;
const LARGE_FILES_MAX = 64;

const { source, kept } = workerData as UploadWorkerData;

class PartBuilder {
  readonly #entries: TarEntry[] = [];
  readonly #large: LargeFile[] = [];
  readonly #faults: { relative: string; fault: Fault }[] = [];
  #skipped = 0;
  #size = 0;
  #bodySize = 0;

  get isFull(): boolean {
    return (
      this.#entries.length >= LIMITS.tarFilesMax ||
      this.#size >= LIMITS.tarBytesTarget ||
      this.#bodySize >= LIMITS.tarBodyBytesMax / 2 ||
      this.#large.length + this.#faults.length >= LARGE_FILES_MAX
    );
  }

  add(item: WalkItem): void {
    try {
      this.#add(item);
    } catch (error) {
      if (!isGdpfsError(error)) throw error;
      this.#faults.push({ relative: item.relative, fault: faultOf(error) });
    }
  }

  async finish(isLast: boolean): Promise<TreePart> {
    const rest = { large: this.#large, faults: this.#faults, skipped: this.#skipped, isLast };
    if (this.#entries.length === 0) return rest;
    return { tar: await makeTarBody(this.#entries), ...rest };
  }

  #add(item: WalkItem): void {
    if (item.kind === 'fault') throw item.error;
    if (item.kind !== 'directory' && kept?.has(item.relative) === true) {
      this.#skipped += 1;
      return;
    }
    const { relative, mode, mtimeUs } = item;
    const entry = { path: relative, mode, mtimeUs };
    if (item.kind === 'directory') {
      this.#push({ ...entry, kind: 'directory' });
    } else if (item.kind === 'symlink') {
      this.#push({ ...entry, kind: 'symlink', target: item.target });
    } else if (item.stats.size > LIMITS.smallFileBytesMax) {
      this.#large.push({ path: item.path, relative, size: Number(item.stats.size) });
    } else {
      const data = readSmallFile(item.path, item.stats);
      this.#push({ ...entry, kind: 'file', data, digest: sha256(data) });
    }
  }

  #push(entry: TarEntry): void {
    this.#entries.push(entry);
    const texts = entry.kind === 'symlink' ? entry.path + entry.target : entry.path;
    this.#bodySize += TAR_HEADERS_BYTES + TAR_PATH_COPIES * Buffer.byteLength(texts);
    if (entry.kind !== 'file') return;
    this.#size += entry.data.length;
    this.#bodySize += entry.data.length;
  }
}

const items = walk(source);

async function nextPart(): Promise<TreePart> {
  const builder = new PartBuilder();
  while (!builder.isFull) {
    const next = items.next();
    if (next.done === true) return await builder.finish(true);
    builder.add(next.value);
  }
  return await builder.finish(false);
}

serveTreeWorker<'next', TreePart>(nextPart, ({ tar }) =>
  tar === undefined ? [] : [tar.bytes.buffer],
);
