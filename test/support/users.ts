import type { HttpClient } from './http-client.ts';
import {
  addUser,
  enrol,
  type ServerInProcessOptions,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './server.ts';

export type TestUsers<Name extends string> = AsyncDisposable & {
  /** The server's data. */
  readonly directory: string;
  readonly server: TestServer;
  readonly admin: HttpClient;
} & { readonly [each in Name]: HttpClient };

/** A server in a new directory, its first admin, and a new user of each name with a home volume. */
export async function startWithUsers<const Name extends string>(
  names: readonly Name[],
  options: ServerInProcessOptions = {},
): Promise<TestUsers<Name>> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  const server = stack.use(await startServerHere(directory, options));
  const admin = stack.use(await enrol(server, server.adminToken ?? ''));
  const users: Partial<Record<Name, HttpClient>> = {};
  for (const name of names) users[name] = stack.use(await addUser(server, admin, name));
  const all = stack.move();
  const dispose = { [Symbol.asyncDispose]: () => all.disposeAsync() };
  return { ...dispose, directory, server, admin, ...(users as Record<Name, HttpClient>) };
}
