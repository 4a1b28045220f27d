import { Command, CommanderError } from 'commander';
import { GdpfsError } from '../base/errors.ts';
import type { Context } from './context.ts';
import { VERBS } from './verbs.ts';
import { readVersion } from './version.ts';

/** Runs one command; reports its errors; resolves to the exit code. */
export async function runProgram(args: readonly string[], context: Context): Promise<number> {
  try {
    await runCommand(await createProgram(args, context), args);
  } catch (error) {
    await context.report.error(error);
  }
  return context.report.exitCode;
}

async function runCommand(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for ends with 0; commander has printed it.
    if (error.exitCode !== 0) throw usageError(error, namedCommand(program, args));
  }
}

/** The program with the one verb that `args` name; the others are there for the help only. */
async function createProgram(args: readonly string[], context: Context): Promise<Command> {
  const program = new Command('gdpfs')
    .description('The file system for training data. Paths are gdp://VOLUME/PATH, or local.')
    .option('--profile <name>', 'use this login, not that of $GDPFS_PROFILE or the current one')
    .option('--debug', 'show where errors come from')
    .version(`gdpfs ${readVersion()}`, '-V, --version', 'show the version')
    .helpCommand(true)
    .showSuggestionAfterError(true);
  const wanted = verbOf(args);
  for (const [name, verb] of Object.entries(VERBS)) {
    const create = name === wanted ? await verb.load() : undefined;
    const command = create?.(context) ?? new Command(name);
    program.addCommand(command.summary(verb.summary));
  }
  program.on('option:debug', () => {
    context.report.isDebug = true;
  });
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    // The message comes with the CommanderError, and is printed in our form.
    command.configureOutput({ outputError: () => undefined });
  }
  return program;
}

/** The first argument that can be a verb. */
function verbOf(args: readonly string[]): string | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? '';
    if (argument === '--profile') index += 1;
    else if (!argument.startsWith('-') && argument !== 'help') return argument;
  }
  return undefined;
}

/** The command that `args` lead to, as it is typed. */
function namedCommand(program: Command, args: readonly string[]): string {
  const name = verbOf(args);
  const words = name === undefined ? [] : args.slice(args.indexOf(name));
  let command = program;
  let typed = program.name();
  for (const word of words) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
    typed += ` ${word}`;
  }
  return typed;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => withSubcommands(child))];
}

/** `command` is what was to be run, as far as it is known: `gdpfs volume create`. */
function usageError(error: CommanderError, command: string): GdpfsError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const help = `see "${command} --help"`;
  const hint = suggestion === undefined ? help : suggestion.replace(/^\(D(.*)\)$/, 'd$1');
  const text = message === '(outputHelp)' ? 'no command given' : message;
  return new GdpfsError('usage', text, { hint });
}
