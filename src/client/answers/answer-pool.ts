import type { IncomingHttpHeaders } from 'node:http';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type AnswerTaker, UnusualAnswer } from './answer-parser.ts';
import { AnswerSocket } from './answer-socket.ts';
import {
  beginConnection,
  type BegunConnection,
  secureContextOf,
  type ServerOptions,
  takeOffered,
} from './begun-connection.ts';

/** Anything but a HEAD. */
export interface AnswerRequest {
  readonly method: string;
  readonly path: string;
  /** Those of the body too. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Iterable<Uint8Array> | undefined;
  /** It has no body, and a small answer: others may be waited for before. */
  readonly isSmall: boolean;
}

/** Ends an exchange; the handler gets the error. */
export interface AnswerController {
  abort(error: Error): void;
}

/** As undici's handlers, as far as they are needed here. */
export interface AnswerHandler {
  onRequestStart(controller: AnswerController): void;
  onResponseStart(controller: AnswerController, status: number, headers: IncomingHttpHeaders): void;
  /** The memory of `piece` is used again when this returns. */
  onResponseData(controller: AnswerController, piece: Uint8Array): void;
  onResponseEnd(): void;
  onResponseError(controller: AnswerController, error: Error): void;
}

/** Requests whose body would be missed. */
const EXPECT_BODY = ['POST', 'PATCH'];
/** What a header may hold: nothing that would end it. */
const PLAIN = /^[\t\x20-\x7e]*$/;

/**
 * Connections that are kept alive for a while. Their number is that of the exchanges that are under
 * way, which others bound.
 */
export class AnswerPool {
  readonly #options: ServerOptions;
  readonly #idle: { readonly socket: AnswerSocket; readonly timer: NodeJS.Timeout }[] = [];
  /** All that are open, and how many use them. */
  readonly #sockets = new Map<AnswerSocket, number>();
  readonly #running = new Set<Promise<void>>();
  /** The connection that was begun last. */
  #begun: BegunConnection | undefined;
  /** A connection that is being made for small requests, and one that was made early and has answered none yet. */
  #opening: Promise<AnswerSocket> | undefined;
  #unheard: AnswerSocket | undefined;
  #isUnusual = false;
  readonly #destroyed = new AbortController();

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** An answer came that only a whole HTTP client reads, such as from a proxy: others will follow. */
  get isUnusual(): boolean {
    return this.#isUnusual;
  }

  /** `other` takes the request if its answer is unusual; the handler has heard of no answer then. */
  dispatch(request: AnswerRequest, handler: AnswerHandler, other: () => void): void {
    const running = this.#run(request, handler, other).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
    this.#dropIdle();
  }

  /** Ends what is under way. */
  destroy(): void {
    const { url } = this.#options;
    const reason = new GdpfsError('unavailable', `cannot reach "${url}": the session was closed`);
    this.#destroyed.abort(reason);
    this.#dropIdle();
    for (const socket of this.#sockets.keys()) socket.destroy(reason);
  }

  async #run(request: AnswerRequest, handler: AnswerHandler, other: () => void): Promise<void> {
    const controller = { abort: (_error: Error): void => undefined };
    try {
      const head = this.#headOf(request);
      const socket = await this.#takeSocket(request);
      try {
        let isKept = false;
        const taker: AnswerTaker = {
          head: (answer) => {
            isKept = answer.isKept;
            handler.onResponseStart(controller, answer.status, answer.headers);
          },
          data: (piece) => handler.onResponseData(controller, piece),
        };
        const { answered, abort } = socket.exchange({ head, body: request.body }, taker);
        controller.abort = abort;
        handler.onRequestStart(controller);
        await answered;
        if (!isKept) socket.destroy();
      } finally {
        this.#leave(socket);
      }
    } catch (error) {
      if (!(error instanceof UnusualAnswer))
        return handler.onResponseError(controller, errorOf(error));
      this.#isUnusual = true;
      return other();
    }
    handler.onResponseEnd();
  }

  #headOf({ method, path, headers, body }: AnswerRequest): string {
    const { host } = new URL(this.#options.url);
    const lines = [`${method} ${path} HTTP/1.1`, `host: ${host}`, 'connection: keep-alive'];
    if (body === undefined && EXPECT_BODY.includes(method)) lines.push('content-length: 0');
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    if (lines.every((line) => PLAIN.test(line))) return `${lines.join('\r\n')}\r\n\r\n`;
    throw new GdpfsError('bad_request', 'cannot send request: a header is no plain text');
  }

  /**
   * The first requests of a command come while its first connection is being made, and share it: a
   * handshake costs both sides some milliseconds of CPU time.
   */
  async #takeSocket({ isSmall }: AnswerRequest): Promise<AnswerSocket> {
    let socket = this.#takeIdle();
    if (socket === undefined && isSmall) socket = await this.#takeShared();
    socket ??= await this.#open();
    this.#sockets.set(socket, (this.#sockets.get(socket) ?? 0) + 1);
    return socket;
  }

  async #takeShared(): Promise<AnswerSocket> {
    if (this.#unheard?.isUsable === true) return this.#unheard;
    this.#opening ??= this.#openShared().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #openShared(): Promise<AnswerSocket> {
    const offered = takeOffered(this.#options);
    const socket = await this.#open(offered);
    // It may have been there already, and nobody then had to wait for it.
    if (offered !== undefined) this.#unheard = socket;
    return socket;
  }

  #leave(socket: AnswerSocket): void {
    if (socket === this.#unheard) this.#unheard = undefined;
    const users = (this.#sockets.get(socket) ?? 1) - 1;
    this.#sockets.set(socket, users);
    if (!socket.isUsable) this.#sockets.delete(socket);
    else if (users === 0) this.#keep(socket);
  }

  async #open(offered?: BegunConnection): Promise<AnswerSocket> {
    const { signal } = this.#destroyed;
    signal.throwIfAborted();
    const begun = offered ?? this.#begin();
    this.#begun = begun;
    const socket = await AnswerSocket.open(begun, signal);
    this.#sockets.set(socket, 0);
    // It may have been opened in the moment before.
    if (signal.aborted) socket.destroy(errorOf(signal.reason));
    return socket;
  }

  /** As the one before: to read certificates takes a millisecond, and its session is resumed. */
  #begin(): BegunConnection {
    const { secureContext = secureContextOf(this.#options), session } = this.#begun ?? {};
    return beginConnection(this.#options, secureContext, session);
  }

  #takeIdle(): AnswerSocket | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      clearTimeout(last.timer);
      if (last.socket.isUsable) return last.socket;
      this.#sockets.delete(last.socket);
    }
    return undefined;
  }

  #keep(socket: AnswerSocket): void {
    const drop = (): void => {
      this.#idle.splice(this.#idle.indexOf(entry), 1);
      this.#sockets.delete(socket);
      socket.destroy();
    };
    const entry = { socket, timer: setTimeout(drop, LIMITS.idleConnectionMs).unref() };
    this.#idle.push(entry);
  }

  #dropIdle(): void {
    for (const { socket, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      socket.destroy();
    }
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
