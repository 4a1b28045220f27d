import type { IncomingMessage } from 'node:http';
import { GdpfsError } from '../base/errors.ts';
import { BodySiphon } from './body-siphon.ts';

export interface PieceTaker {
  /** Bytes of the body, if they were announced. */
  readonly length: number | undefined;
  /** Where the next bytes should lie, if that is known. */
  place(): Uint8Array | undefined;
  /** A piece at the start of the last place, or in memory of its own. */
  take(piece: Uint8Array): Promise<void> | undefined;
}

/** Bodies of which less is to come do not pay for a siphon. */
const SIPHON_BYTES_MIN = 128 * 1024;

/** The pieces of one body, from wherever they come, one after the other. */
export class BodyPieces {
  readonly #request: IncomingMessage;
  readonly #taker: PieceTaker;
  readonly #settled = Promise.withResolvers<void>();
  #receivedBytes = 0;
  #siphon: BodySiphon | undefined;
  #isSettled = false;
  /** Nothing is wanted for now; what has come meanwhile. */
  #held: Uint8Array[] | undefined;

  constructor(request: IncomingMessage, taker: PieceTaker) {
    this.#request = request;
    this.#taker = taker;
  }

  /**
   * Resolves when the taker has had all of the body. Rejects with what it threw, or with `unavailable`
   * if the client goes away; then the rest of the body is the request's.
   */
  async all(): Promise<void> {
    const request = this.#request;
    const onEnd = (): void => this.#settle();
    // The request closes behind its end, too.
    const onGone = (): void => {
      if (!this.#isSettled) this.#settle(clientGone());
    };
    const onData = (piece: Uint8Array): void => {
      this.#receivedBytes += piece.length;
      this.#take(piece);
      this.#useSiphon();
    };
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
    if (request.destroyed && !request.complete) onGone();
    try {
      await this.#settled.promise;
    } finally {
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    }
  }

  #settle(error?: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#request.pause();
    this.#siphon?.end();
    // What is left is the request's again, and it decides whether to read.
    if (this.#isHeld) this.#resumeSocket();
    if (error === undefined) this.#settled.resolve();
    else this.#settled.reject(error);
  }

  #take(piece: Uint8Array): void {
    if (this.#isSettled) return;
    try {
      const pending = this.#taker.take(piece);
      if (pending !== undefined) this.#hold(pending);
    } catch (error) {
      this.#settle(error);
    }
  }

  #hold(pending: Promise<void>): void {
    this.#held = [];
    this.#request.pause();
    if (this.#siphon !== undefined) this.#request.socket.pause();
    pending.then(
      () => this.#goOn(),
      (error: unknown) => this.#settle(error),
    );
  }

  #goOn(): void {
    const held = this.#held ?? [];
    while (!this.#isSettled) {
      this.#held = undefined;
      const piece = held.shift();
      if (piece === undefined) return this.#resume();
      this.#take(piece);
      if (this.#isHeld) {
        this.#held = held;
        return;
      }
    }
  }

  get #isHeld(): boolean {
    return this.#held !== undefined;
  }

  #resume(): void {
    this.#request.resume();
    this.#resumeSocket();
  }

  /** Behind the body, the connection is that of the next one. */
  #resumeSocket(): void {
    const { socket, complete } = this.#request;
    if (this.#siphon !== undefined && !complete) socket.resume();
  }

  /** Once nothing of the body is on its way through the request. */
  #useSiphon(): void {
    const left = (this.#taker.length ?? 0) - this.#receivedBytes;
    const isBusy = this.#isSettled || this.#isHeld || this.#siphon !== undefined;
    if (isBusy || left < SIPHON_BYTES_MIN || this.#request.readableLength > 0) return;
    this.#siphon = BodySiphon.begin(this.#request, left, {
      place: () => (this.#isHeld ? undefined : this.#taker.place()),
      take: (piece, isPlaced) => {
        const own = isPlaced ? piece : new Uint8Array(piece);
        if (this.#held === undefined) return this.#take(own);
        // TLS has a record or two more; whoever made the connection go on, it must not.
        this.#request.socket.pause();
        this.#held.push(own);
      },
    });
  }
}

function clientGone(): GdpfsError {
  return new GdpfsError('unavailable', 'cannot read request body: the client went away');
}
