import { bytesEqual, EMPTY_BYTES } from '../base/bytes.ts';
import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { type Fault, faultOf } from '../base/fault.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeListing, type ListingRow } from '../wire/listing.ts';
import { receivedMode } from './local-attributes.ts';
import { quote } from './local-error.ts';
import { LocalTree } from './local-tree.ts';
import { rootOf, rootOfWhole, unpackFiles } from './packed-files.ts';
import { leadsOut } from './safe-link.ts';
import { serveTreeWorker } from './tree-worker.ts';
import { OUTCOME, type Outcomes, STEP, type WriteRequest } from './write-requests.ts';

/** Does what a received tree needs in the local one, in a thread of its own. */

let opened: { readonly tree: LocalTree; readonly unsafeLinks: boolean } | undefined;
/** Rows of batches that are not done. */
const batches = new Map<number, readonly ListingRow[]>();
const scratch = new Uint8Array(LIMITS.smallFileBytesMax);

function answer(request: WriteRequest): Promise<Outcomes> {
  return Promise.resolve(work(request));
}

function work(request: WriteRequest): Outcomes {
  if (request.kind === 'open') {
    const { target, unsafeLinks } = request;
    opened = { tree: new LocalTree(target), unsafeLinks };
    return outcomesOf([], () => OUTCOME.done);
  }
  assert(opened !== undefined, 'it was said where to work');
  const { tree, unsafeLinks } = opened;
  switch (request.kind) {
    case 'steps': {
      const rows = decodeListing(request.rows);
      batches.set(request.batch, rows);
      tree.partsIn = request.partsIn;
      return outcomesOf(rows, (row, index) => take(tree, row, request.steps[index], unsafeLinks));
    }
    case 'files':
      return writeFiles(tree, request);
    case 'finish':
      for (const batch of request.batches) batches.delete(batch);
      return outcomesOf(request.directories, ({ relative, attributes }) => {
        tree.finishDirectory(relative, attributes);
        return OUTCOME.done;
      });
  }
}

/** The failure of one does not concern the others. */
function outcomesOf<T>(items: readonly T[], act: (item: T, index: number) => number): Outcomes {
  const codes = new Uint8Array(items.length);
  const faults = new Map<number, Fault>();
  for (const [index, item] of items.entries()) {
    try {
      codes[index] = act(item, index);
    } catch (error) {
      if (!isGdpfsError(error)) throw error;
      codes[index] = OUTCOME.fault;
      faults.set(index, faultOf(error));
    }
  }
  return { codes, faults };
}

function writeFiles(tree: LocalTree, request: WriteRequest & { readonly kind: 'files' }): Outcomes {
  const { rows, pack } = request;
  const batch = batches.get(request.batch);
  assert(batch !== undefined, 'the batch is not done');
  const received = unpackFiles(pack, rows.length);
  let next = 0;
  return outcomesOf(Array.from(rows), (rowIndex, index) => {
    const row = batch[rowIndex];
    assert(row !== undefined, 'a file is one of its batch');
    const file = received[next];
    if (file?.index !== index) return OUTCOME.pending;
    next += 1;
    const { relative, size, content = EMPTY_BYTES } = row;
    const isWhole = file.data.length === size && bytesEqual(rootOf(file), content);
    if (!isWhole) return OUTCOME.pending;
    tree.writeFile(relative, file.data, row);
    return OUTCOME.done;
  });
}

function take(
  tree: LocalTree,
  row: ListingRow,
  step: number | undefined,
  unsafeLinks: boolean,
): number {
  const { relative, target = '' } = row;
  switch (step) {
    case STEP.directory:
      tree.makeDirectory(relative);
      return OUTCOME.done;
    case STEP.symlink:
      if (!unsafeLinks) requireInside(relative, target);
      tree.writeLink(relative, target, row);
      return OUTCOME.done;
    case STEP.attributes:
      tree.setAttributes(relative, row);
      return OUTCOME.done;
    case STEP.remove:
      tree.remove(relative);
      return OUTCOME.done;
    case STEP.file:
      tree.prepare(relative);
      return OUTCOME.pending;
    case STEP.fileUnlessThere:
      return takeFile(tree, row);
    default:
      throw new Error(`bug: there is no step ${step}`);
  }
}

/** Has what is there the content? Then it gets its attributes. Large files are compared elsewhere. */
function takeFile(tree: LocalTree, row: ListingRow): number {
  const { relative, size, mtimeUs, content = EMPTY_BYTES } = row;
  const found =
    size <= LIMITS.smallFileBytesMax ? tree.readFile(relative, size, scratch) : undefined;
  const isAlike = found?.attributes.mtimeUs === mtimeUs;
  if (found === undefined || !bytesEqual(rootOfWhole(found.data), content)) {
    tree.prepare(relative);
    return isAlike ? OUTCOME.pendingAlike : OUTCOME.pending;
  }
  const isSame = isAlike && found.attributes.mode === receivedMode(row);
  if (!isSame) tree.setAttributes(relative, row);
  return OUTCOME.same;
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
