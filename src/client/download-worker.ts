import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { type Fault, faultOf } from '../base/fault.ts';
import { LIMITS } from '../base/limits.ts';
import { type LocalAttributes, receivedMode } from './local-attributes.ts';
import { quote } from './local-error.ts';
import { LocalTree } from './local-tree.ts';
import { hasContent, unpackFiles } from './received-files.ts';
import { leadsOut } from './safe-link.ts';
import { serveTreeWorker } from './tree-worker.ts';

/** Does what a received tree needs in the local one, in a thread of its own. */

/** Where it works. */
interface Place {
  /** Local directory that exists. */
  readonly target: string;
  /** Also make links that lead out of it. */
  readonly unsafeLinks: boolean;
}

/** A name in the tree and what the volume says of it. Paths are relative and may be hostile. */
interface Named extends LocalAttributes {
  readonly relative: string;
}

export interface WantedFile extends Named {
  readonly size: number;
  readonly etag: string;
}

export type Step =
  | (Named & { readonly kind: 'directory' | 'attributes' })
  | (Named & { readonly kind: 'symlink'; readonly target: string })
  | { readonly kind: 'remove'; readonly relative: string }
  /** A file that will be fetched, unless it may be there, and is. */
  | (WantedFile & { readonly kind: 'file'; readonly mayBeThere: boolean });

export type WriteRequest =
  /** Before all others, once. Throws if the directory cannot be read. */
  | (Place & { readonly kind: 'open' })
  /** In order, everything but the content of files. */
  | { readonly kind: 'steps'; readonly steps: readonly Step[] }
  /** Files that should be in `tar`. */
  | { readonly kind: 'files'; readonly files: readonly WantedFile[]; readonly tar: Uint8Array }
  /** Directories whose content is complete, the deepest first. */
  | {
      readonly kind: 'finish';
      readonly directories: readonly {
        readonly relative: string;
        readonly attributes?: LocalAttributes;
      }[];
    };

/** For each step, file or directory of the request, by its index. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The content is there already. */
  | { readonly kind: 'same' }
  /**
   * The file must be fetched, to this local path, whose directory exists. `isAlike`: what is there
   * has its size and its time.
   */
  | { readonly kind: 'pending'; readonly path: string; readonly isAlike: boolean }
  | { readonly kind: 'fault'; readonly fault: Fault };

let opened: { readonly tree: LocalTree; readonly unsafeLinks: boolean } | undefined;
const scratch = new Uint8Array(LIMITS.smallFileBytesMax);
const DONE: Outcome = { kind: 'done' };
const SAME: Outcome = { kind: 'same' };

function answer(request: WriteRequest): Promise<readonly Outcome[]> {
  return Promise.resolve(work(request));
}

function work(request: WriteRequest): Outcome[] {
  if (request.kind === 'open') {
    const { target, unsafeLinks } = request;
    opened = { tree: new LocalTree(target), unsafeLinks };
    return [];
  }
  assert(opened !== undefined, 'it was said where to work');
  const { tree, unsafeLinks } = opened;
  switch (request.kind) {
    case 'steps':
      return request.steps.map((step) => attempt(() => take(tree, step, unsafeLinks)));
    case 'files': {
      const received = unpackFiles(request.tar);
      return request.files.map((file) =>
        attempt(() => {
          const entry = received.get(file.relative);
          if (entry === undefined || !hasContent(entry, file)) return pending(tree, file);
          tree.writeFile(file.relative, entry.data, file);
          return DONE;
        }),
      );
    }
    case 'finish':
      return request.directories.map(({ relative, attributes }) =>
        attempt(() => {
          tree.finishDirectory(relative, attributes);
          return DONE;
        }),
      );
  }
}

/** The failure of one does not concern the others. */
function attempt(act: () => Outcome): Outcome {
  try {
    return act();
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    return { kind: 'fault', fault: faultOf(error) };
  }
}

function take(tree: LocalTree, step: Step, unsafeLinks: boolean): Outcome {
  switch (step.kind) {
    case 'directory':
      tree.makeDirectory(step.relative);
      return DONE;
    case 'symlink':
      if (!unsafeLinks) requireInside(step.relative, step.target);
      tree.writeLink(step.relative, step.target, step);
      return DONE;
    case 'attributes':
      tree.setAttributes(step.relative, step);
      return DONE;
    case 'remove':
      tree.remove(step.relative);
      return DONE;
    case 'file':
      return takeFile(tree, step);
  }
}

/** Has what is there the content? Then it gets its attributes. Large files are compared elsewhere. */
function takeFile(tree: LocalTree, file: Step & { readonly kind: 'file' }): Outcome {
  const { relative, size, mtimeUs, mayBeThere } = file;
  const found =
    mayBeThere && size <= LIMITS.smallFileBytesMax
      ? tree.readFile(relative, size, scratch)
      : undefined;
  if (found === undefined) return pending(tree, file);
  const { attributes } = found;
  const isAlike = attributes.mtimeUs === mtimeUs;
  if (!hasContent(found, file)) return { ...pending(tree, file), isAlike };
  if (!isAlike || attributes.mode !== receivedMode(file)) tree.setAttributes(relative, file);
  return SAME;
}

function pending(
  tree: LocalTree,
  { relative }: WantedFile,
): Outcome & { readonly kind: 'pending' } {
  return { kind: 'pending', path: tree.prepare(relative), isAlike: false };
}

function requireInside(relative: string, linkTarget: string): void {
  if (!leadsOut(relative, linkTarget)) return;
  throw new GdpfsError(
    'bad_request',
    `cannot create the link ${quote(relative)}: its target ${quote(linkTarget)} leads out of the tree`,
    { hint: 'use --unsafe-links to make such links' },
  );
}

serveTreeWorker(answer);
