/** A server, a proxy in front of it, and people who know the proxy only. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileSystem, type OpenedFileSystem } from '../../src/fs/open.ts';
import { parseTrustedProxies } from '../../src/server/trusted-proxy.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { HttpClient } from './http-client.ts';
import { bundleOf, type Ingress, type IngressKind, startIngress, trustedAs } from './ingress.ts';
import type { Pair } from './raw-request.ts';
import { enrol, startServerHere, temporaryDirectory, type TestServer } from './server.ts';

export interface IngressLab extends AsyncDisposable {
  readonly folder: string;
  /** The server itself, which nobody but the proxy and some tests speak to. */
  readonly server: TestServer;
  readonly store: OpenedFileSystem;
  readonly ingress: Ingress;
  /** The server's address as its users know it. */
  readonly front: Pick<TestServer, 'url' | 'ca'>;
  /** Enrolled through the proxy. */
  readonly admin: HttpClient;
  /** What the proxy shows to the server. */
  readonly hop: Pair;
  readonly keysDirectory: string;
}

export interface IngressLabOptions {
  /** As in IngressOptions; gets the folder of the lab. */
  readonly more?: (folder: string) => Promise<string>;
}

export async function openIngressLab(
  kind: IngressKind,
  { more }: IngressLabOptions = {},
): Promise<IngressLab> {
  await using building = new AsyncDisposableStack();
  const folder = building.use(await temporaryDirectory()).path;
  const data = join(folder, 'data');
  const keysDirectory = join(data, 'keys');
  const store = await openFileSystem({
    directory: join(data, 'store'),
    keysDirectory,
    clock: systemClock,
    warn: (message) => assert.fail(message),
  });
  const trustedProxies = parseTrustedProxies([trustedAs(kind)]);
  const server = building.use(await startServerHere(data, { store, trustedProxies }));
  const ingress = building.use(
    await startIngress({
      kind,
      dataDirectory: data,
      serverUrl: server.url,
      ...(more === undefined ? {} : { more: await more(folder) }),
    }),
  );
  const front = { url: ingress.url, ca: server.ca };
  const admin = building.use(await enrol(front, server.adminToken ?? ''));
  const [cert, key] = await Promise.all(
    ['hop.crt', 'hop.key'].map((name) => readFile(join(bundleOf(data), name), 'utf8')),
  );
  assert(cert !== undefined && key !== undefined);
  const stack = building.move();
  const dispose = (): Promise<void> => stack.disposeAsync();
  const parts = { folder, server, store, ingress, front, admin, keysDirectory };
  return { ...parts, hop: { cert, key }, [Symbol.asyncDispose]: dispose };
}
