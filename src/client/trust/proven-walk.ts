import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinPath, splitPath } from '../../format/path.ts';
import type { Entry } from '../../wire/generated/api.ts';
import type { ProvenPage } from './proven-tree.ts';

/** Asks for a page of the directory at `path`, behind the name `cursor`; `at` as in a `Question`. */
export type AskDirectory = (
  path: string,
  list: ProvenList,
  at: string | undefined,
) => Promise<ProvenPage>;

interface ProvenList {
  readonly cursor: string;
  readonly limit: number;
}

/** A part of a whole tree, depth first, a directory before its content. */
export interface ProvenWalk {
  readonly seq: number;
  /** Of the directory itself. */
  readonly entry: Entry;
  readonly found: readonly { readonly relative: string; readonly entry: Entry }[];
  /** Path behind which the next page begins. */
  readonly cursor: string | undefined;
}

/**
 * At most `limit` of what is below the directory, behind the path `cursor`: proven a directory at a
 * time, all of one state: that of `at`, or of the first answer.
 */
export async function walkProven(
  ask: AskDirectory,
  {
    path,
    cursor,
    limit,
    at,
  }: ProvenList & { readonly path: string; readonly at: string | undefined },
): Promise<ProvenWalk> {
  const walk = new Walk(ask, { path, limit, at });
  const isDone = await walk.visit('', splitPath(cursor));
  const { first } = walk;
  if (first === undefined) throw new GdpfsError('internal', 'cannot list: nothing was asked');
  const last = walk.found.at(-1)?.relative;
  return { ...first, found: walk.found, cursor: isDone ? undefined : last };
}

class Walk {
  readonly found: { readonly relative: string; readonly entry: Entry }[] = [];
  first: Pick<ProvenWalk, 'seq' | 'entry'> | undefined;
  readonly #ask: AskDirectory;
  readonly #path: string;
  readonly #limit: number;
  readonly #at: string | undefined;

  constructor(
    ask: AskDirectory,
    options: { readonly path: string; readonly limit: number; readonly at: string | undefined },
  ) {
    this.#ask = ask;
    this.#path = options.path;
    this.#limit = options.limit;
    this.#at = options.at;
  }

  /**
   * What is below `relative`, behind `after`: names, one level after the other. False if there may be
   * more than the page takes.
   */
  async visit(relative: string, after: readonly string[]): Promise<boolean> {
    const [name = '', ...rest] = after;
    if (name !== '') {
      // What is below the last path comes before its neighbors.
      const isDone = await this.#visitIfDirectory(joinPath(relative, name), rest);
      if (!isDone) return false;
    }
    let cursor: string | undefined = name;
    while (cursor !== undefined) {
      const page: ProvenPage = await this.#page(relative, cursor);
      for (const entry of page.entries) {
        if (this.found.length === this.#limit) return false;
        const path = joinPath(relative, entry.name);
        this.found.push({ relative: path, entry });
        if (entry.kind === 'directory' && !(await this.visit(path, []))) return false;
      }
      ({ cursor } = page);
    }
    return true;
  }

  async #visitIfDirectory(relative: string, after: readonly string[]): Promise<boolean> {
    try {
      return await this.visit(relative, after);
    } catch (error) {
      // A file has nothing below, nor has what is gone.
      const isNone = error instanceof GdpfsError && /^not_(a_directory|found)$/.test(error.code);
      if (isNone) return true;
      throw error;
    }
  }

  async #page(relative: string, cursor: string): Promise<ProvenPage> {
    const limit = LIMITS.listPageDefault;
    const path = relative === '' ? this.#path : joinPath(this.#path, relative);
    const at = this.first === undefined ? this.#at : String(this.first.seq);
    const page = await this.#ask(path, { cursor, limit }, at);
    this.first ??= { seq: page.seq, entry: page.entry };
    return page;
  }
}
