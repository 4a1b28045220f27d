import type { TreeItem, TreePages } from './action.ts';

/** Walks over the items of pages without a promise for each. */
export class TreeCursor implements AsyncDisposable {
  readonly #pages: AsyncIterator<readonly TreeItem[]>;
  #page: readonly TreeItem[] = [];
  #index = 0;
  #isLast = false;

  constructor(pages: TreePages) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** The item it has come to; undefined at the end, and while `isSpent`. */
  get head(): TreeItem | undefined {
    return this.#page[this.#index];
  }

  /** The next page must be awaited. */
  get isSpent(): boolean {
    return this.#index === this.#page.length && !this.#isLast;
  }

  advance(): void {
    this.#index += 1;
  }

  async fill(): Promise<void> {
    while (this.isSpent) {
      const next = await this.#pages.next();
      this.#isLast = next.done === true;
      this.#page = next.done === true ? [] : next.value;
      this.#index = 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isLast) await this.#pages.return?.();
  }
}
