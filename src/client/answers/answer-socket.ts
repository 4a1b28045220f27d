import type { TLSSocket } from 'node:tls';
import { LIMITS } from '../../base/limits.ts';
import { AnswerParser, type AnswerTaker, UnusualAnswer } from './answer-parser.ts';
import type { BegunConnection } from './begun-connection.ts';

/** A request as it is sent. */
export interface SentRequest {
  /** With the empty line. */
  readonly head: string;
  readonly body: Iterable<Uint8Array> | undefined;
}

/** A request that was sent. */
export interface SocketExchange {
  readonly answered: Promise<void>;
  /** It rejects with `error`, and the connection ends. */
  readonly abort: (error: Error) => void;
}

interface Waiting {
  readonly parser: AnswerParser;
  readonly settle: PromiseWithResolvers<void>;
}

/**
 * A connection for requests. What comes lies in the same memory again and again:
 * for a stream each record of TLS would be memory of its own, a queue and some events, which is 0.35
 * CPU-seconds a GiB.
 */
export class AnswerSocket {
  readonly #socket: TLSSocket;
  /** Whoever waits for an answer, in the order of the requests. */
  readonly #waiting: Waiting[] = [];
  #error: Error | undefined;
  /** What is still to be sent. */
  #pieces: Iterator<Uint8Array> | undefined;

  private constructor(begun: BegunConnection) {
    this.#socket = begun.socket;
    begun.receive = (bytes) => this.#take(bytes);
    this.#socket.ref();
    this.#socket.on('drain', () => this.#sendPieces());
    this.#socket.on('error', (error) => this.destroy(error));
    // The end of what comes, or of the connection.
    this.#socket.on('end', () => this.destroy()).on('close', () => this.destroy());
  }

  /** Rejects with Node's error, or the signal's reason. */
  static async open(begun: BegunConnection, signal: AbortSignal): Promise<AnswerSocket> {
    const opening = new AnswerSocket(begun);
    if (begun.isSecure) return opening;
    const { socket } = begun;
    const { promise, resolve, reject } = Promise.withResolvers<AnswerSocket>();
    const fail = (): void => reject(opening.#error ?? begun.error ?? codedError('ECONNRESET'));
    const timer = setTimeout(
      () => opening.destroy(codedError('ETIMEDOUT')),
      LIMITS.connectTimeoutMs,
    );
    socket.once('secureConnect', () => resolve(opening)).once('close', fail);
    const end = (): void => opening.destroy(errorOf(signal.reason));
    signal.addEventListener('abort', end);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      socket.off('close', fail);
    }
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed;
  }

  /**
   * Sends a request; it resolves when `taker` has got the whole answer. Otherwise rejects, and the
   * connection is of no more use. Nor is it if the answer came before the whole body was sent. A
   * request without a body may be sent while others without one wait for their answers.
   */
  exchange({ head, body }: SentRequest, taker: AnswerTaker): SocketExchange {
    const waiting = { parser: new AnswerParser(taker), settle: Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    if (this.#socket.destroyed) this.destroy();
    else {
      this.#socket.ref();
      // A small body travels in one record of TLS with the head.
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#pieces = body?.[Symbol.iterator]();
      this.#sendPieces();
      this.#socket.uncork();
    }
    const abort = (error: Error): void => {
      waiting.settle.reject(error);
      this.destroy();
    };
    return { answered: waiting.settle.promise, abort };
  }

  /** What is under way rejects with `error`. */
  destroy(error?: Error): void {
    this.#error ??= error;
    this.#pieces = undefined;
    for (const { settle } of this.#waiting.splice(0)) {
      settle.reject(this.#error ?? codedError('ECONNRESET'));
    }
    this.#socket.destroy();
  }

  /** Until the socket has enough for now; each piece is asked for when the one before was taken. */
  #sendPieces(): void {
    while (this.#pieces !== undefined) {
      const piece = this.#pieces.next();
      if (piece.done === true) this.#pieces = undefined;
      else if (!this.#socket.write(piece.value)) return;
    }
  }

  #take(bytes: Uint8Array): void {
    try {
      for (let rest = bytes; rest.length > 0; ) {
        const [first] = this.#waiting;
        // What nobody has asked for could be taken for the next answer.
        if (first === undefined) return this.destroy();
        rest = rest.subarray(first.parser.push(rest));
        if (first.parser.isDone) this.#done(first);
      }
    } catch (error) {
      const isUnusual = error instanceof UnusualAnswer;
      // What is wrong with one answer says nothing of the others.
      if (!isUnusual) this.#waiting[0]?.settle.reject(error);
      this.destroy(isUnusual ? error : undefined);
    }
  }

  #done({ settle }: Waiting): void {
    this.#waiting.shift();
    settle.resolve();
    if (this.#pieces !== undefined) this.destroy();
    else if (this.#waiting.length === 0) this.#socket.unref();
  }
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function codedError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
