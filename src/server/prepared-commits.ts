import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { base64urlEncode, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodePreparedCommit, PREPARED_ID_BYTES } from '../format/prepared-commit.ts';
import type { Rights } from '../fs/rights.ts';
import type { Preparation, SignedChanges, Wish } from '../fs/signed-changes.ts';
import type { ChangeContext, ChangeResult, VolumeInfo } from '../fs/types.ts';
import { clientGone, SigningTurns, type Turn } from './signing-turns.ts';

/** A change that a client wants to sign, and how its request is answered when it is made. */
export interface WantedCommit<Answer> {
  readonly volume: VolumeInfo;
  readonly context: ChangeContext;
  readonly wish: () => Wish | Promise<Wish>;
  readonly answer: Answer;
  /** Records of a checkpoint that the client remembers. */
  readonly since: number;
  /** API paths that it is about. */
  readonly targets: readonly string[];
}

/** What came of a request: the change is made, or there is something to sign. */
export type Offered<Answer> =
  | { readonly kind: 'made'; readonly result: ChangeResult; readonly answer: Answer }
  | { readonly kind: 'prepared'; readonly body: Uint8Array };

interface Entry<Answer> extends Omit<WantedCommit<Answer>, 'wish'> {
  readonly id: Uint8Array;
  readonly expiry: NodeJS.Timeout;
  preparation: Preparation;
  turn: Turn;
  /** Of the commit that is under way. Undefined: the volume has changed since it was prepared. */
  outcome?: Promise<ChangeResult | undefined> | undefined;
}

/** Who sends a signature. */
interface Signer {
  readonly volume: VolumeInfo;
  readonly rights: Rights;
}

/**
 * Changes of volumes with custody `client` between their preparation and their signature. They are in
 * memory only: who loses one asks again, with the same request id, and finds it made or prepares anew.
 */
export class PreparedCommits<Answer> implements Disposable {
  readonly #signed: SignedChanges;
  readonly #turnMs: number;
  readonly #turns = new SigningTurns();
  /** By id, in hexadecimal. */
  readonly #entries = new Map<string, Entry<Answer>>();
  #bytes = 0;

  /** `turnMs`: how long a signature is waited for before others go first. */
  constructor(signed: SignedChanges, turnMs: number = LIMITS.preparedTurnMs) {
    this.#signed = signed;
    this.#turnMs = turnMs;
  }

  /** How much waits. */
  get held(): { readonly count: number; readonly bytes: number } {
    return { count: this.#entries.size, bytes: this.#bytes };
  }

  [Symbol.dispose](): void {
    this.#turns.close();
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  /** What there is to sign; or that the request was made before. Throws what refuses the change. */
  async offer(wanted: WantedCommit<Answer>, response: ServerResponse): Promise<Offered<Answer>> {
    const { wish, ...kept } = wanted;
    const { volume, context, answer } = kept;
    await this.#supersede(context);
    const before = this.#signed.firstResult(context);
    if (before !== undefined) return { kind: 'made', result: before, answer };
    this.#requireRoom(context.author);
    const turn = await this.#turns.take(turnOf(volume), response);
    try {
      // Meanwhile it may have been made under the same request id.
      const first = this.#signed.firstResult(context);
      if (first !== undefined) {
        turn[Symbol.dispose]();
        return { kind: 'made', result: first, answer };
      }
      const preparation = await this.#signed.prepare(volume.name, await wish(), context);
      if (response.destroyed) throw clientGone();
      return this.#offered(this.#keep(kept, preparation, turn));
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes the change that was prepared under the id; or prepares it again, if the volume has changed.
   * Throws `not_found`, `forbidden`, `wrong_root`, and what refuses the change.
   */
  async commit(
    signer: Signer,
    signed: { readonly id: Uint8Array; readonly note: Uint8Array },
    response: ServerResponse,
  ): Promise<Offered<Answer>> {
    const entry = this.find(signer, signed.id);
    const context = { ...entry.context, rights: signer.rights };
    entry.outcome ??= this.#make(entry, signed.note, context);
    const result = await entry.outcome;
    if (result === undefined) return await this.#again(entry, signer, response);
    this.#drop(entry);
    return { kind: 'made', result, answer: entry.answer };
  }

  /** What waits for the signature. Throws `not_found`. */
  find({ volume, rights }: Signer, id: Uint8Array): Entry<Answer> {
    const entry = this.#entries.get(hexEncode(id));
    const isOwn = entry?.context.author === rights.principal;
    if (entry !== undefined && isOwn && turnOf(entry.volume) === turnOf(volume)) return entry;
    throw new GdpfsError('not_found', 'cannot commit: nothing is prepared under that id', {
      hint: 'it may have expired or be made: send the request that it is for again',
    });
  }

  #keep(
    wanted: Omit<WantedCommit<Answer>, 'wish'>,
    preparation: Preparation,
    turn: Turn,
  ): Entry<Answer> {
    const id = new Uint8Array(randomBytes(PREPARED_ID_BYTES));
    const expiry = setTimeout(() => this.#drop(entry), LIMITS.preparedLifeMs).unref();
    const entry: Entry<Answer> = { ...wanted, id, turn, preparation, expiry };
    this.#entries.set(hexEncode(id), entry);
    this.#bytes += preparation.bytes;
    return entry;
  }

  async #make(
    entry: Entry<Answer>,
    note: Uint8Array,
    context: ChangeContext,
  ): Promise<ChangeResult | undefined> {
    try {
      return await this.#signed.commit(entry.preparation, note, context);
    } catch (error) {
      this.#drop(entry);
      throw error;
    }
  }

  async #again(
    entry: Entry<Answer>,
    signer: Signer,
    response: ServerResponse,
  ): Promise<Offered<Answer>> {
    entry.outcome = undefined;
    try {
      if (entry.turn.isOver) entry.turn = await this.#turns.take(turnOf(entry.volume), response);
      const { wish } = entry.preparation;
      const context = { ...entry.context, rights: signer.rights };
      const preparation = await this.#signed.prepare(entry.volume.name, wish, context);
      // It may have taken too long.
      this.find(signer, entry.id);
      this.#bytes += preparation.bytes - entry.preparation.bytes;
      entry.preparation = preparation;
      return this.#offered(entry);
    } catch (error) {
      this.#drop(entry);
      throw error;
    }
  }

  #offered({ id, preparation, since, turn }: Entry<Answer>): Offered<Answer> {
    const body = encodePreparedCommit(this.#signed.offer(id, preparation, since));
    turn.expire(this.#turnMs);
    return { kind: 'prepared', body };
  }

  /** The request is here once more: what was prepared for it before is not waited for. */
  async #supersede({ author, request }: ChangeContext): Promise<void> {
    if (request === undefined) return;
    for (const entry of this.#entries.values()) {
      const { context } = entry;
      if (context.author !== author || context.request?.id !== request.id) continue;
      // One that is being made will have its answer in the log.
      if (entry.outcome === undefined) this.#drop(entry);
      else await entry.outcome.catch(() => undefined);
    }
  }

  #requireRoom(principal: string): void {
    let own = 0;
    for (const { context } of this.#entries.values()) if (context.author === principal) own += 1;
    const isFull =
      this.#entries.size >= LIMITS.preparedMax || this.#bytes >= LIMITS.preparedBytesMax;
    if (!isFull && own < LIMITS.preparedPerPrincipalMax) return;
    throw new GdpfsError('busy', 'cannot prepare change: too many wait for their signatures');
  }

  #drop(entry: Entry<Answer>): void {
    clearTimeout(entry.expiry);
    entry.turn[Symbol.dispose]();
    if (this.#entries.delete(hexEncode(entry.id))) this.#bytes -= entry.preparation.bytes;
  }
}

function turnOf({ name }: VolumeInfo): string {
  return base64urlEncode(name);
}
