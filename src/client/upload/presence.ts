import { asBuffer } from '../../base/bytes.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk } from '../../format/manifest.ts';

interface Question {
  readonly digests: readonly Uint8Array[];
  readonly answer: PromiseWithResolvers<readonly number[]>;
}

/** Indexes into at most `LIMITS.missingDigestsMax` digests of those whose chunks must be sent. */
export type AskMissing = (digests: readonly Uint8Array[]) => Promise<readonly number[]>;

/**
 * Which chunks of one upload must be sent: each once, and none that the server has. A few questions
 * are on the way at a time; what comes up meanwhile is asked together, so that neither a long wire
 * nor a slow server is asked once for every body.
 */
export class Presence {
  readonly #askMissing: AskMissing;
  readonly #hasEnough: () => boolean;
  /** Digests sent, found present, or being asked for. */
  readonly #settled = new Set<string>();
  readonly #questions: Question[] = [];
  #asking = 0;

  /**
   * While there `hasEnough` to be sent nothing is asked: what is wanted meanwhile is one question. Whoever sends calls
   * `askOn` when that may be over.
   */
  constructor(askMissing: AskMissing, hasEnough: () => boolean = () => false) {
    this.#askMissing = askMissing;
    this.#hasEnough = hasEnough;
  }

  /** Indexes into `chunks`, ascending, of those that the caller must send now. */
  async lacking(chunks: readonly Chunk[]): Promise<number[]> {
    const fresh: number[] = [];
    for (const [index, { digest }] of chunks.entries()) {
      const name = asBuffer(digest).toString('latin1');
      if (this.#settled.has(name)) continue;
      this.#settled.add(name);
      fresh.push(index);
    }
    if (fresh.length === 0) return fresh;
    const missing = await this.#ask(fresh.map((index) => digestAt(chunks, index)));
    return missing.map((position) => {
      const index = fresh[position];
      if (index !== undefined) return index;
      throw new GdpfsError('corrupt', 'cannot use response: no such digest');
    });
  }

  #ask(digests: readonly Uint8Array[]): Promise<readonly number[]> {
    const answer = Promise.withResolvers<readonly number[]>();
    this.#questions.push({ digests, answer });
    this.askOn();
    return answer.promise;
  }

  /** Asks what waits, if it is time. */
  askOn(): void {
    while (
      this.#asking < LIMITS.missingQuestionsInFlight &&
      this.#questions.length > 0 &&
      !this.#hasEnough()
    ) {
      this.#asking += 1;
      void this.#answer(this.#takeQuestions()).finally(() => {
        this.#asking -= 1;
        this.askOn();
      });
    }
  }

  #takeQuestions(): Question[] {
    let count = 0;
    const end = this.#questions.findIndex(({ digests }) => {
      count += digests.length;
      return count > LIMITS.missingDigestsMax;
    });
    return this.#questions.splice(0, end === -1 ? this.#questions.length : Math.max(1, end));
  }

  async #answer(questions: readonly Question[]): Promise<void> {
    try {
      const missing = await this.#askMissing(questions.flatMap(({ digests }) => digests));
      let start = 0;
      for (const { digests, answer } of questions) {
        const end = start + digests.length;
        const own = missing.filter((index) => index >= start && index < end);
        answer.resolve(own.map((index) => index - start));
        start = end;
      }
    } catch (error) {
      for (const { answer } of questions) answer.reject(error);
    }
  }
}

function digestAt(chunks: readonly Chunk[], index: number): Uint8Array {
  const chunk = chunks[index];
  assert(chunk !== undefined, 'the chunk is there');
  return chunk.digest;
}
