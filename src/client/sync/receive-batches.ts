import { LIMITS } from '../../base/limits.ts';
import { isBelow } from '../../format/path.ts';
import type { LocalAttributes } from '../local-attributes.ts';
import type { Action, ActionPages, TreeEntry } from './action.ts';

/** A directory whose content is complete. Without attributes it gets those that it had. */
export interface ClosedDirectory {
  readonly relative: string;
  readonly attributes?: LocalAttributes;
}

/** Actions that one tar stream can serve. */
export interface Batch {
  /** 0 for the first. */
  readonly index: number;
  readonly actions: readonly Action[];
  /** Complete when this batch and all before it are done; the deepest first. */
  readonly closed: readonly ClosedDirectory[];
}

/** Longest form of a UTF-16 unit in JSON, and what is around a text. */
const JSON_UNIT_BYTES_MAX = 6;
const JSON_TEXT_BYTES = 3;

/**
 * Divides a plan so that the paths, the files, and the content of a batch fit into one exchange.
 * `isIdle`: is nothing to do for any batch before `index`? Then it goes out when more must be waited for.
 */
export async function* receiveBatches(
  pages: ActionPages,
  isIdle: (index: number) => boolean,
): AsyncGenerator<Batch, void, void> {
  const open = new OpenDirectories();
  let index = 0;
  let actions: Action[] = [];
  let bytes = 0;
  let pathBytes = 0;
  const take = (): Batch => {
    const batch = { index, actions, closed: open.takeClosed() };
    index += 1;
    actions = [];
    bytes = 0;
    pathBytes = 0;
    return batch;
  };
  for await (const page of pages) {
    for (const action of page) {
      open.enter(action);
      actions.push(action);
      if (action.kind === 'file' && isSmallFile(action.entry)) bytes += action.entry.size;
      pathBytes += action.entry.relative.length * JSON_UNIT_BYTES_MAX + JSON_TEXT_BYTES;
      const isFull =
        actions.length >= (index === 0 ? LIMITS.firstNames : LIMITS.tarFilesMax) ||
        bytes >= LIMITS.tarBytesTarget ||
        pathBytes >= LIMITS.jsonBodyBytesMax / 2;
      if (isFull) yield take();
    }
    if (actions.length > 0 && isIdle(index)) yield take();
  }
  open.leaveAll();
  yield take();
}

/** Does it travel in a tar stream? */
export function isSmallFile({ size }: TreeEntry): boolean {
  return size <= LIMITS.smallFileBytesMax;
}

/** The directories around the action that the plan has come to. */
class OpenDirectories {
  readonly #stack: ClosedDirectory[] = [];
  #closed: ClosedDirectory[] = [];

  enter({ kind, entry }: Action): void {
    const { relative, mode, mtimeUs } = entry;
    this.#leave(relative);
    const top = this.#stack.at(-1)?.relative ?? '';
    for (let slash = relative.indexOf('/', top.length + 1); slash !== -1; ) {
      this.#stack.push({ relative: relative.slice(0, slash) });
      slash = relative.indexOf('/', slash + 1);
    }
    if (kind === 'directory') this.#stack.push({ relative, attributes: { mode, mtimeUs } });
  }

  leaveAll(): void {
    this.#closed.push(...this.#stack.splice(0).reverse());
  }

  takeClosed(): readonly ClosedDirectory[] {
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  #leave(relative: string): void {
    for (;;) {
      const top = this.#stack.at(-1);
      if (top === undefined || isBelow(relative, top.relative)) return;
      this.#stack.pop();
      this.#closed.push(top);
    }
  }
}
