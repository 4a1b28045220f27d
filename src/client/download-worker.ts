import { workerData } from 'node:worker_threads';
import { isGdpfsError } from '../base/errors.ts';
import type { LocalAttributes } from './local-attributes.ts';
import { LocalTree } from './local-tree.ts';
import { hasContent, unpackFiles } from './received-files.ts';
import { type Fault, faultOf, serveTreeWorker } from './tree-worker.ts';

/** Checks small files and writes them, in a thread of its own. */

/** A name in the tree and what the listing says of it. Paths are relative and may be hostile. */
export interface ListedEntry extends LocalAttributes {
  readonly relative: string;
}

export interface ListedFile extends ListedEntry {
  readonly size: number;
  readonly etag: string;
}

export type WriteRequest =
  | {
      readonly kind: 'files';
      readonly directories: readonly ListedEntry[];
      /** Files that should be in `tar`. */
      readonly small: readonly ListedFile[];
      readonly tar?: Uint8Array;
      /** Files that come another way. */
      readonly large: readonly ListedFile[];
    }
  /** When all files are there. */
  | {
      readonly kind: 'finish';
      readonly links: readonly (ListedEntry & { readonly target: string })[];
      /** A directory before its content. */
      readonly directories: readonly ListedEntry[];
    };

export interface WriteAnswer {
  /** Small files written. */
  readonly files: number;
  /** Bytes of them. */
  readonly size: number;
  readonly directories: number;
  readonly links: number;
  /** Local paths, in directories that exist, for `large` and for small files that were not good. */
  readonly pending: readonly { readonly file: ListedFile; readonly path: string }[];
  readonly faults: readonly { readonly relative: string; readonly fault: Fault }[];
}

const tree = new LocalTree(String(workerData));

class Writing {
  files = 0;
  size = 0;
  directories = 0;
  links = 0;
  readonly pending: { file: ListedFile; path: string }[] = [];
  readonly faults: { relative: string; fault: Fault }[] = [];

  /** Runs `write` for one entry; its failure does not concern the others. */
  attempt(relative: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isGdpfsError(error)) throw error;
      this.faults.push({ relative, fault: faultOf(error) });
    }
  }
}

async function write(request: WriteRequest): Promise<WriteAnswer> {
  const writing = new Writing();
  if (request.kind === 'finish') finish(request, writing);
  else await writeFiles(request, writing);
  const { files, size, directories, links, pending, faults } = writing;
  return { files, size, directories, links, pending, faults };
}

async function writeFiles(
  request: WriteRequest & { readonly kind: 'files' },
  writing: Writing,
): Promise<void> {
  for (const { relative } of request.directories) {
    writing.attempt(relative, () => {
      tree.makeDirectory(relative);
      writing.directories += 1;
    });
  }
  const received = unpackFiles(request.tar);
  for (const file of request.small) {
    writing.attempt(file.relative, () => {
      const entry = received.get(file.relative);
      if (entry === undefined || !hasContent(entry, file)) {
        writing.pending.push({ file, path: tree.prepare(file.relative) });
        return;
      }
      tree.writeFile(file.relative, entry.data, file);
      writing.files += 1;
      writing.size += file.size;
    });
  }
  for (const file of request.large) {
    writing.attempt(file.relative, () => {
      writing.pending.push({ file, path: tree.prepare(file.relative) });
    });
  }
}

function finish(request: WriteRequest & { readonly kind: 'finish' }, writing: Writing): void {
  for (const link of request.links) {
    writing.attempt(link.relative, () => {
      tree.writeLink(link.relative, link.target, link);
      writing.links += 1;
    });
  }
  // Deepest first: what is made in a directory changes its time, and its mode may forbid it.
  for (const directory of request.directories.toReversed()) {
    writing.attempt(directory.relative, () => {
      tree.finishDirectory(directory.relative, directory);
    });
  }
}

serveTreeWorker(write);
