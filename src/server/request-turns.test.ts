import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { RequestTurns } from './request-turns.ts';

/** A server that answers when the test says so. */
class Lab implements AsyncDisposable {
  readonly started: { readonly url: string; readonly response: ServerResponse }[] = [];
  /** Requests that have come, whether they were started or not. */
  come = 0;
  readonly #turns = new RequestTurns();
  readonly #server = createServer((request, response) => {
    this.come += 1;
    const { url = '' } = request;
    this.#turns.take(request, response, () => this.started.push({ url, response }));
  });

  async connect(): Promise<Socket> {
    if (!this.#server.listening) await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return connect(port, '127.0.0.1');
  }

  get names(): string[] {
    return this.started.map(({ url }) => url);
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function requests(names: readonly string[]): string {
  return names.map((name) => `GET ${name} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
}

test('requests that come before answers are handled one after the other, each connection for itself', async () => {
  await using lab = new Lab();
  const [one, other] = [await lab.connect(), await lab.connect()];
  one.write(requests(['/1', '/2']) + 'GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await lab.until(() => lab.come === 3);
  other.write(requests(['/other']));
  await lab.until(() => lab.come === 4);
  assert.deepEqual(lab.names, ['/1', '/other']);
  const answer = text(one);
  for (const name of ['/1', '/2', '/3']) {
    await lab.until(() => lab.names.includes(name));
    lab.started.find(({ url }) => url === name)?.response.end(name);
  }
  assert.match(await answer, /\/1[^]*\/2[^]*\/3$/);
  assert.deepEqual(lab.names, ['/1', '/other', '/2', '/3']);
  other.destroy();
});

test('requests whose connection has ended are not handled any more', async () => {
  await using lab = new Lab();
  const socket = await lab.connect();
  socket.write(requests(['/1', '/2']));
  await lab.until(() => lab.come === 2);
  const [first] = lab.started;
  assert(first !== undefined);
  const closed = once(first.response, 'close');
  socket.destroy();
  await closed;
  const next = await lab.connect();
  next.write(requests(['/next']));
  await lab.until(() => lab.come === 3);
  assert.deepEqual(lab.names, ['/1', '/next']);
  next.destroy();
});

test('a connection on which too many requests wait is ended', async () => {
  await using lab = new Lab();
  const names = Array.from({ length: LIMITS.requestsWaitingMax + 1 }, (_, index) => `/${index}`);
  const good = await lab.connect();
  good.write(requests(names));
  await lab.until(() => lab.come === names.length);
  const socket = await lab.connect();
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.write(requests([...names, '/one-more']));
  await closed;
  assert(!good.destroyed);
  assert.deepEqual(lab.names, ['/0', '/0']);
  good.destroy();
});
