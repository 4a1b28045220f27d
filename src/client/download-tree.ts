import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Entry, Listing, StorageFilesGetQuery } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { BodyPool } from './chunk-body.ts';
import { concurrently } from './concurrently.ts';
import { downloadFile } from './download.ts';
import type { ListedEntry, ListedFile, WriteAnswer, WriteRequest } from './download-worker.ts';
import { isFaultOfOne } from './fault-scope.ts';
import { listPages, type StatOptions } from './files.ts';
import type { MaybeUndefined, Session } from './session.ts';
import type { Tally } from './tally.ts';
import { errorOfFault, startTreeWorker, type TreeWorker } from './tree-worker.ts';

export interface DownloadTreeOptions extends StatOptions {
  /** `/<volume>/<path>` of a directory. */
  readonly path: string;
  /** Local directory that exists and gets the content. */
  readonly target: string;
  readonly tally: Tally;
}

/**
 * Downloads everything below a directory, all of one state of the volume: small files in tar
 * streams, larger ones chunk by chunk, every one checked against its ETag in the listing. Failures
 * of single files go to the tally. Throws what ends it all; files that were written until then are
 * whole.
 */
export async function downloadTree(session: Session, options: DownloadTreeOptions): Promise<void> {
  await using worker = startTreeWorker<WriteRequest, WriteAnswer>(
    'download-worker',
    options.target,
  );
  const download = new TreeDownload(session, worker, options);
  await concurrently(windowsOf(session, options), LIMITS.tarStreamsInFlight, (window) =>
    download.fetch(window),
  );
  await download.finish();
}

/** Consecutive entries of the listing that one tar stream can bring. */
interface Window {
  /** State of the volume. */
  readonly at: string;
  /** API path of the listed directory; entries are below it. */
  readonly root: string;
  /** Relative path of the entry before the first; undefined at the beginning. */
  readonly after: string | undefined;
  readonly entries: readonly Entry[];
}

async function* windowsOf(
  session: Session,
  { path, at, signal }: DownloadTreeOptions,
): AsyncGenerator<Window, void, void> {
  let after: string | undefined;
  const pages = listPages(session, path, {
    at,
    signal,
    recursive: true,
    limit: LIMITS.listPageMax,
  });
  for await (const page of pages) {
    const root = page.entry.path;
    for (const entries of divide(page)) {
      yield { at: String(page.seq), root, after, entries };
      const last = entries.at(-1);
      if (last !== undefined) after = relativeTo(root, last);
    }
  }
}

function divide({ entries }: Listing): Entry[][] {
  const windows: Entry[][] = [];
  let window: Entry[] = [];
  let size = 0;
  for (const entry of entries) {
    window.push(entry);
    if (isSmall(entry)) size += entry.size;
    if (window.length < LIMITS.tarFilesMax && size < LIMITS.tarBytesTarget) continue;
    windows.push(window);
    window = [];
    size = 0;
  }
  if (window.length > 0) windows.push(window);
  return windows;
}

function isSmall(entry: Entry): boolean {
  return entry.kind === 'file' && entry.size <= LIMITS.smallFileBytesMax;
}

function relativeTo(root: string, { path }: Entry): string {
  return path.slice(root.length + 1);
}

class TreeDownload {
  readonly #session: Session;
  readonly #worker: TreeWorker<WriteRequest, WriteAnswer>;
  readonly #options: DownloadTreeOptions;
  readonly #pool = new BodyPool();
  readonly #directories: ListedEntry[] = [];
  readonly #links: (ListedEntry & { readonly target: string })[] = [];

  constructor(
    session: Session,
    worker: TreeWorker<WriteRequest, WriteAnswer>,
    options: DownloadTreeOptions,
  ) {
    this.#session = session;
    this.#worker = worker;
    this.#options = options;
  }

  async fetch(window: Window): Promise<void> {
    const directories: ListedEntry[] = [];
    const small: ListedFile[] = [];
    const large: ListedFile[] = [];
    for (const entry of window.entries) {
      const listed = listedEntry(window.root, entry);
      if (entry.kind === 'directory') directories.push(listed);
      else if (entry.kind === 'symlink')
        this.#links.push({ ...listed, target: entry.target ?? '' });
      else {
        const file = { ...listed, size: entry.size, etag: entry.etag ?? '' };
        (isSmall(entry) ? small : large).push(file);
      }
    }
    this.#directories.push(...directories);
    const tar = small.length === 0 ? undefined : await this.#fetchTar(window);
    const request: WriteRequest = { kind: 'files', directories, small, large };
    const answer = await this.#worker.ask(tar === undefined ? request : { ...request, tar }, [
      ...(tar === undefined ? [] : [tar.buffer]),
    ]);
    this.#count(answer);
    await concurrently(answer.pending, LIMITS.largeFilesInFlight, ({ file, path }) =>
      this.#fetchFile(window, file, path),
    );
  }

  /** Links and the attributes of directories. */
  async finish(): Promise<void> {
    // Windows are done in any order; paths sort a directory before its content.
    const directories = this.#directories.toSorted(byPath);
    this.#count(await this.#worker.ask({ kind: 'finish', links: this.#links, directories }));
  }

  async #fetchTar(window: Window): Promise<Uint8Array<ArrayBuffer>> {
    const query: MaybeUndefined<StorageFilesGetQuery> = {
      path: window.root,
      at: window.at,
      format: 'tar',
      after: window.after,
      limit: window.entries.length,
      maxFileSize: LIMITS.smallFileBytesMax,
    };
    const answer = await this.#session.request({
      method: 'GET',
      route: '/api/v1/storage/files',
      query,
      accept: MEDIA_TYPES.tar,
      signal: this.#options.signal,
    });
    return answer.body;
  }

  async #fetchFile(window: Window, file: ListedFile, target: string): Promise<void> {
    const { tally, signal } = this.#options;
    const path = `${window.root}/${file.relative}`;
    let progress = 0;
    try {
      const result = await downloadFile(this.#session, {
        path,
        target,
        version: { ...file, path, at: window.at },
        pool: this.#pool,
        onProgress: (bytes) => {
          progress += bytes;
          tally.addBytes(bytes);
        },
        signal,
      });
      tally.files += 1;
      tally.bytesSent += result.bytesReceived;
      tally.bytesReused += result.bytesReused;
      tally.report();
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      tally.addBytes(-progress);
      tally.errors.push({ path, error });
    }
  }

  #count(answer: WriteAnswer): void {
    const { tally, target } = this.#options;
    for (const { relative, fault } of answer.faults) {
      const error = errorOfFault(fault);
      if (!isGdpfsError(error)) throw error;
      tally.errors.push({ path: `${target}/${relative}`, error });
    }
    tally.files += answer.files;
    tally.directories += answer.directories;
    tally.links += answer.links;
    tally.bytesSent += answer.size;
    tally.addBytes(answer.size);
  }
}

function listedEntry(root: string, entry: Entry): ListedEntry {
  return { relative: relativeTo(root, entry), mode: entry.mode, mtimeUs: entry.mtimeUs };
}

function byPath(left: ListedEntry, right: ListedEntry): number {
  if (left.relative === right.relative) return 0;
  return left.relative < right.relative ? -1 : 1;
}
