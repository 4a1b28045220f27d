/** What stands between client and server: it has the server's certificate, and can lie. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Agent, request as forward } from 'undici';
import type { TestServer } from './server.ts';
import type { TestSession } from './session.ts';

/** One request and the true answer to it. */
export interface Passing {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly status: number;
  readonly body: Buffer;
}

/** The body to answer with, or `cut`: the connection breaks in the middle of the answer. */
export type Tamper = (passing: Passing) => Buffer | 'cut';

export interface TamperingProxy extends AsyncDisposable {
  readonly url: string;
  tamper: Tamper;
  /** Called before a request is passed on, which waits for it. */
  before: (request: Pick<Passing, 'method' | 'url'>) => Promise<void>;
}

export async function startTamperingProxy(
  server: TestServer,
  { identity }: Pick<TestSession, 'identity'>,
): Promise<TamperingProxy> {
  const keys = join(server.dataDirectory, 'keys');
  const agent = new Agent({
    connect: { ca: server.ca, cert: identity.certificate, key: identity.key },
  });
  const listener = createServer({
    key: await readFile(join(keys, 'server.key')),
    cert: await readFile(join(keys, 'server.crt')),
  });
  const proxy = {
    url: '',
    tamper: ({ body }: Passing): Buffer | 'cut' => body,
    before: async (_request: Pick<Passing, 'method' | 'url'>): Promise<void> => {},
    [Symbol.asyncDispose]: async () => {
      listener.closeAllConnections();
      listener.close();
      await agent.destroy();
    },
  };
  /** What the server answers; undefined if either end goes away before that. */
  const ask = async (incoming: IncomingMessage, url: URL) => {
    const { method = 'GET', headers } = incoming;
    const { host: _host, connection: _connection, ...rest } = headers;
    const sent = await buffer(incoming).catch(() => undefined);
    if (sent === undefined) return undefined;
    await proxy.before({ method, url });
    try {
      const answer = await forward(url, {
        dispatcher: agent,
        method: method as 'GET',
        headers: rest,
        body: sent.length === 0 ? null : sent,
      });
      return { ...answer, bytes: Buffer.from(await answer.body.arrayBuffer()) };
    } catch {
      return undefined;
    }
  };
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? '', server.url);
    const { method = 'GET', headers } = incoming;
    const answer = await ask(incoming, url);
    if (answer === undefined) {
      incoming.socket.destroy();
      return;
    }
    const { statusCode: status, bytes: body } = answer;
    const lie = proxy.tamper({ method, url, headers, status, body });
    if (lie === 'cut') {
      incoming.socket.destroy();
      return;
    }
    const { 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = answer.headers;
    outgoing.writeHead(status, { ...kept, 'content-length': lie.length }).end(lie);
  };
  listener.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    void pass(incoming, outgoing);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  proxy.url = `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return proxy;
}
