/** What waits in memory for the index is there again after a kill: an index that is behind catches up. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { openTestStore, type TestStore } from '../../test/support/store.ts';
import { utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';

const FILES = 4;
const READER = { principal: 'bob', readsAll: true };

type Step =
  | { readonly kind: 'put' | 'append' | 'copy'; readonly file: number; readonly pieces: number }
  | { readonly kind: 'chunks'; readonly pieces: number }
  | { readonly kind: 'kill' | 'reopen' };

const file = fc.nat(FILES - 1);
const pieces = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('put', 'append', 'copy' as const), file, pieces }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('chunks' as const), pieces }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('kill', 'kill', 'reopen' as const) }) },
);

/** A store, and what must be in it. */
class Model {
  readonly #store: TestStore;
  readonly #texts = new Map<string, string>();
  /** Digests of chunks that came for no file. */
  readonly #chunks: Uint8Array[] = [];
  #next = 0;

  constructor(store: TestStore) {
    this.#store = store;
  }

  async do(step: Step): Promise<void> {
    if ('file' in step) await this.#change(step.kind, `f${step.file}`, this.#pieces(step.pieces));
    else if (step.kind === 'chunks') await this.#addChunks(step.pieces);
    else if (step.kind === 'kill') await this.#store.kill();
    else await this.#store.reopen();
  }

  async #change(kind: 'put' | 'append' | 'copy', path: string, texts: string[]): Promise<void> {
    const before = this.#texts.get(path);
    const isThere = before !== undefined;
    if (kind === 'copy' && isThere) {
      const to = `copy ${this.#next++}`;
      await this.#store.apply({ kind: 'copy', path, to });
      this.#texts.set(to, before);
      return;
    }
    if (kind === 'append' && isThere) await this.#store.append(path, ...texts);
    else await this.#store.put(path, texts);
    const start = kind === 'append' ? (before ?? '') : '';
    this.#texts.set(path, start + texts.join(''));
  }

  async #addChunks(count: number): Promise<void> {
    const texts = this.#pieces(count);
    await this.#store.fchunks(0, texts);
    this.#chunks.push(...texts.map((text) => sha256(utf8Encode(text))));
  }

  /** Some of them were there before. */
  #pieces(count: number): string[] {
    return Array.from({ length: count }, () => `piece ${this.#next++ % 25}. `);
  }

  async check(): Promise<void> {
    const { fs, volume } = this.#store;
    assert.deepEqual(await fs.missing(volume, this.#chunks, READER), []);
    for (const [path, text] of this.#texts) {
      assert.equal(await this.#store.text(path), text);
      const digests = (await this.#store.manifest(path)).map(({ digest }) => digest);
      assert.deepEqual(await fs.missing(volume, digests, READER), []);
    }
  }
}

it('a store that is killed at any time has all that was acknowledged, whatever waited for its index', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 5, maxLength: 25 }),
    fc.constantFrom(1, 3),
    async (steps, waitingRowsAtOnce) => {
      await using store = await openTestStore({
        waitingLimits: { waitingRowsMax: 5, waitingRowsAtOnce },
      });
      const model = new Model(store);
      for (const one of steps) {
        await model.do(one);
        if (one.kind === 'kill') await model.check();
      }
      await store.kill();
      await model.check();
      await store.checkClosed();
      await model.check();
      assert.deepEqual(store.warnings, []);
    },
  );
  await fc.assert(property, { numRuns: 15 });
});
