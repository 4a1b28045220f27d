import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliUser } from './cli-user.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './server.ts';

/**
 * A server in a process of its own, its first admin, logged in, and a folder to work in. What is typed
 * runs in processes of their own, there.
 */
export class CommandLine extends CliUser implements AsyncDisposable {
  readonly folder: string;
  readonly #stack: AsyncDisposableStack;
  #server: ServerProcess | undefined;

  constructor(folder: string, stack: AsyncDisposableStack) {
    super({ home: join(folder, 'home'), cwd: folder });
    this.folder = folder;
    this.#stack = stack;
  }

  /** The server that runs. */
  get server(): ServerProcess {
    assert(this.#server !== undefined, 'the server runs');
    return this.#server;
  }

  /**
   * Starts it, over the data in a folder; one that runs is stopped. The profiles of `homes` find it where it
   * is now.
   */
  async startServer(data = 'data', homes: readonly string[] = [this.home]): Promise<void> {
    await this.stopServer();
    this.#server = await startServerProcess(this.path(data));
    for (const home of homes) await moveLogin(home, this.server.url);
  }

  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  /** A path in the folder. */
  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer();
    await this.#stack.disposeAsync();
  }
}

export async function startCommandLine(): Promise<CommandLine> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  const line = new CommandLine(path, stack);
  await line.startServer('data', []);
  const { url, adminToken } = line.server;
  await line.succeeds(['login', url, '-'], { input: `${adminToken}\n` });
  return line;
}

/** The same server and login in a folder of their own, as they are while `other`'s server is stopped. */
export async function copyCommandLine(other: CommandLine): Promise<CommandLine> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  await cp(other.folder, path, { recursive: true });
  const line = new CommandLine(path, stack);
  await line.startServer();
  return line;
}

/** The profile finds its server elsewhere. */
export async function moveLogin(home: string, url: string): Promise<void> {
  const file = join(home, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, url));
}
