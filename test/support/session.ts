/** A client session of the first admin, and a volume to work in. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openSession, type Session } from '../../src/client/session.ts';
import { createVolume } from '../../src/client/volumes.ts';
import type { HttpClientOptions } from './http-client.ts';
import { enrol, startServerHere, temporaryDirectory, type TestServer } from './server.ts';

export interface TestSession extends AsyncDisposable {
  readonly session: Session;
  /** What it takes to open another one. */
  readonly identity: Required<HttpClientOptions>;
}

/** Volume that `openTestSession` makes. */
export const VOLUME = 'vision';

/** For a server that nobody has enrolled at yet. */
export async function openTestSession(server: TestServer): Promise<TestSession> {
  assert(server.adminToken !== undefined);
  await using client = await enrol(server, server.adminToken);
  const { url, ca, certificate, key } = client.options;
  assert(certificate !== undefined && key !== undefined);
  const identity = { url, ca, certificate, key };
  const session = openSession(identity);
  await createVolume(session, { name: VOLUME });
  return { session, identity, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
}

export interface TestClient extends TestSession {
  readonly server: TestServer;
  /** A new one, for files; the server has its data in `data` there. */
  readonly folder: string;
}

/** A session as above, with a server of its own. */
export async function startTestClient(
  start: (dataDirectory: string) => Promise<TestServer> = startServerHere,
): Promise<TestClient> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await start(join(folder, 'data')));
  const { session, identity } = stack.use(await openTestSession(server));
  const all = stack.move();
  return { session, identity, server, folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
