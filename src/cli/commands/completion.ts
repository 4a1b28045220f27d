import { Argument, Command } from 'commander';
import { COMPLETION_SCRIPTS, type Shell } from '../completion-scripts.ts';
import { completionsOf } from '../completion.ts';
import type { Context } from '../context.ts';
import type { Verb } from '../verb.ts';

interface CompletionOptions {
  readonly line?: string;
  readonly breaks: string;
  readonly plain?: boolean;
}

export function completionCommand(
  context: Context,
  verbs: Readonly<Record<string, Verb>>,
): Command {
  const shells = Object.keys(COMPLETION_SCRIPTS);
  return new Command('completion')
    .description(
      'Print a script that lets a shell complete verbs, options, volumes and what is in them.',
    )
    .addArgument(new Argument('[shell]', 'which one').choices(shells).default('bash'))
    .option('--line <text>', 'print what the end of this line may become; the script asks that')
    .option('--breaks <characters>', 'at which the shell takes words apart', '')
    .option('--plain', 'names as they are, for a shell that quotes them')
    .addHelpText(
      'after',
      `
In ~/.bashrc:                   source <(gdpfs completion)
In ~/.zshrc, behind compinit:   source <(gdpfs completion zsh)
In ~/.config/fish/config.fish:  gdpfs completion fish | source`,
    )
    .action(async (shell: Shell, { line, ...form }: CompletionOptions) => {
      if (line === undefined) return await context.stdout.write(COMPLETION_SCRIPTS[shell]);
      const found = await completionsOf(line, form, { context, verbs });
      await context.stdout.write(found.map((text) => `${text}\n`).join(''));
    });
}
