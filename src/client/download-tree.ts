import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Entry } from '../wire/generated/api.ts';
import { concurrently } from './concurrently.ts';
import { downloadFile } from './download.ts';
import type { ListedEntry, ListedFile, WriteAnswer, WriteRequest } from './download-worker.ts';
import { isFaultOfOne } from './fault-scope.ts';
import type { StatOptions } from './files.ts';
import type { Session } from './session.ts';
import type { Tally } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';
import { fetchTar, isSmall, relativeTo, type TreeWindow, treeWindows } from './tree-windows.ts';
import { errorOfFault, startTreeWorker, type TreeWorker } from './tree-worker.ts';

export interface DownloadTreeOptions extends StatOptions {
  /** `/<volume>/<path>` of a directory. */
  readonly path: string;
  /** Local directory that exists and gets the content. */
  readonly target: string;
  /** Files and links that exist below `target` stay as they are. */
  readonly keep: boolean;
  readonly tally: Tally;
  readonly transfer: TransferOptions;
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
  await concurrently(treeWindows(session, options), LIMITS.tarStreamsInFlight, (window) =>
    download.fetch(window),
  );
  await download.finish();
}

class TreeDownload {
  readonly #session: Session;
  readonly #worker: TreeWorker<WriteRequest, WriteAnswer>;
  readonly #options: DownloadTreeOptions;
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

  async fetch(window: TreeWindow): Promise<void> {
    const directories: ListedEntry[] = [];
    const small: ListedFile[] = [];
    const large: ListedFile[] = [];
    for (const entry of window.entries) {
      const listed = listedEntry(window.root, entry);
      if (entry.kind === 'directory') directories.push(listed);
      else if (this.#isKept(listed)) this.#options.tally.skip();
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
    const answer =
      tar === undefined
        ? await this.#worker.ask(request)
        : await this.#worker.ask({ ...request, tar }, [tar.buffer]);
    this.#count(answer);
    await concurrently(answer.pending, LIMITS.largeFilesInFlight, ({ file, path }) =>
      this.#fetchFile(window, file, path),
    );
  }

  /** Only looked at: a name that leads out of the target is refused where it would be written. */
  #isKept({ relative }: ListedEntry): boolean {
    const { keep, target } = this.#options;
    return keep && lstatSync(join(target, relative), { throwIfNoEntry: false }) !== undefined;
  }

  /** Links and the attributes of directories. */
  async finish(): Promise<void> {
    // Windows are done in any order; paths sort a directory before its content.
    const directories = this.#directories.toSorted(byPath);
    this.#count(await this.#worker.ask({ kind: 'finish', links: this.#links, directories }));
  }

  /** Undefined if it cannot be had whole: then the files come one by one, those that are good. */
  async #fetchTar(window: TreeWindow): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await fetchTar(this.#session, window, this.#options.signal);
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      return undefined;
    }
  }

  async #fetchFile(window: TreeWindow, file: ListedFile, target: string): Promise<void> {
    const { tally, transfer, signal } = this.#options;
    const path = `${window.root}/${file.relative}`;
    let progress = 0;
    try {
      const result = await downloadFile(this.#session, {
        path,
        target,
        version: { ...file, path, at: window.at },
        transfer,
        onProgress: (bytes) => {
          progress += bytes;
          tally.addBytes(bytes);
        },
        signal,
      });
      const { size, bytesReceived, bytesReused } = result;
      tally.fileDone({ path: target, size, bytesSent: bytesReceived, bytesReused });
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      tally.addBytes(-progress);
      tally.fail({ path, error });
    }
  }

  #count(answer: WriteAnswer): void {
    const { tally, target } = this.#options;
    for (const { relative, fault } of answer.faults) {
      const error = errorOfFault(fault);
      if (!isGdpfsError(error)) throw error;
      tally.fail({ path: `${target}/${relative}`, error });
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
