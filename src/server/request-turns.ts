import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LIMITS } from '../base/limits.ts';

/** The requests of one connection that have not been answered; the first of them is being handled. */
interface Turns {
  readonly waiting: (() => void)[];
}

/**
 * Requests that a client sends without waiting for answers are handled one after the other: answers go
 * out in their order, so what is made before its turn would lie in memory for as long as the client, or
 * an answer before it, takes.
 */
export class RequestTurns {
  readonly #connections = new WeakMap<Socket, Turns>();

  /** Starts `handle` when the requests before it are answered. Too many that wait end the connection. */
  take({ socket }: IncomingMessage, response: ServerResponse, handle: () => void): void {
    response.once('close', () => this.#next(socket));
    const turns = this.#connections.get(socket);
    if (turns === undefined) {
      this.#connections.set(socket, { waiting: [] });
      handle();
    } else if (turns.waiting.length < LIMITS.requestsWaitingMax) turns.waiting.push(handle);
    else socket.destroy();
  }

  #next(socket: Socket): void {
    const next = socket.destroyed ? undefined : this.#connections.get(socket)?.waiting.shift();
    if (next === undefined) this.#connections.delete(socket);
    else next();
  }
}
