import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { openConnection } from './connection.ts';
import { networkError } from './network-error.ts';

const OTHERS: readonly (readonly [what: string, make: () => Server])[] = [
  ['plain HTTP', () => createHttpServer()],
  ['TLS 1.2', () => createTlsServer({ maxVersion: 'TLSv1.2' })],
];
for (const [what, make] of OTHERS) {
  test(`a server that speaks ${what} is told from one that is not there`, async (t) => {
    const server = make().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const url = `https://127.0.0.1:${port}`;
    await using connection = openConnection({ url, ca: '' });
    const asking = connection.exchange({ method: 'GET', target: '/healthz', headers: {} });
    const message = `cannot reach "${url}": it does not speak TLS 1.3`;
    await assert.rejects(asking, { code: 'unavailable', message });
  });
}

test('a server that does not answer is said to be silent, whoever notices', () => {
  for (const code of ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT']) {
    const error = networkError(Object.assign(new Error(code), { code }), 'https://a:1');
    assert.equal(error.message, 'cannot reach "https://a:1": it does not answer');
  }
});
