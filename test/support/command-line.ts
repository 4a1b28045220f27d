import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CliOptions, type CliResult, runCli } from './cli.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './server.ts';

export interface TypedOptions {
  /** Standard input. */
  readonly input?: string;
  /** GDPFS_HOME; that of the admin if absent. */
  readonly home?: string;
}

/**
 * A server in a process of its own, its first admin, logged in, and a folder to work in. What is typed
 * runs in processes of their own, there.
 */
export class CommandLine implements AsyncDisposable {
  readonly folder: string;
  /** The admin's GDPFS_HOME. */
  readonly home: string;
  readonly #stack: AsyncDisposableStack;
  #server: ServerProcess | undefined;

  constructor(folder: string, stack: AsyncDisposableStack) {
    this.folder = folder;
    this.home = join(folder, 'home');
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
    for (const home of homes) {
      const file = join(home, 'config.json');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, this.server.url));
    }
  }

  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  /** For what is started in another way than by `run`. */
  get options(): CliOptions {
    return { home: this.home, cwd: this.folder };
  }

  /** A path in the folder. */
  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  async run(args: readonly string[], options: TypedOptions = {}): Promise<CliResult> {
    return await runCli(args, { ...this.options, ...options });
  }

  /** Standard output of a command that must end with 0. */
  async succeeds(args: readonly string[], options: TypedOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
    return stdout;
  }

  /** Standard error of a command that must end with `code`, and print no data. */
  async fails(args: readonly string[], code: number, options: TypedOptions = {}): Promise<string> {
    const { stdout, stderr, ...result } = await this.run(args, options);
    assert.deepEqual([result.code, stdout], [code, ''], `gdpfs ${args.join(' ')}\n${stderr}`);
    assert.match(stderr, /^gdpfs: error: /);
    return stderr;
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
