import assert from 'node:assert/strict';
import { type CliOptions, type CliResult, runCli } from './cli.ts';

export interface TypedOptions {
  /** Standard input. */
  readonly input?: string;
  /** Another GDPFS_HOME than the user's own. */
  readonly home?: string;
}

/** Somebody at a command line. What is typed runs in processes of their own. */
export class CliUser {
  /** For what is started in another way than by `run`. */
  readonly options: CliOptions;

  constructor(options: CliOptions) {
    this.options = options;
  }

  /** GDPFS_HOME. */
  get home(): string {
    return this.options.home;
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

  /** What a command prints that has `--json` and must end with 0. */
  async json(
    args: readonly string[],
    options: TypedOptions = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await this.succeeds(args, options)) as Record<string, unknown>;
  }

  /** Standard error of a command that must end with `code`, and print no data. */
  async fails(args: readonly string[], code: number, options: TypedOptions = {}): Promise<string> {
    const { stdout, stderr, ...result } = await this.run(args, options);
    assert.deepEqual([result.code, stdout], [code, ''], `gdpfs ${args.join(' ')}\n${stderr}`);
    assert.match(stderr, /^gdpfs: error: /m);
    return stderr;
  }
}
