import { Command } from 'commander';
import { completionsOf } from '../completion.ts';
import type { Context } from '../context.ts';
import type { Verb } from '../verb.ts';

/** bash gives the whole line, and takes what stands behind the last colon for the word. */
const SCRIPT = `_gdpfs() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
    "\${COMP_WORDS[0]}" completion --line "\${COMP_LINE:0:COMP_POINT}" --breaks "$COMP_WORDBREAKS" 2>/dev/null
  )
}
complete -o nospace -o bashdefault -o default -F _gdpfs gdpfs
`;

interface CompletionOptions {
  readonly line?: string;
  readonly breaks: string;
}

export function completionCommand(
  context: Context,
  verbs: Readonly<Record<string, Verb>>,
): Command {
  return new Command('completion')
    .description(
      'Print a script that lets bash complete verbs, options, volumes and what is in them: put\n' +
        '"source <(gdpfs completion)" into ~/.bashrc.',
    )
    .option('--line <text>', 'print what the end of this line may become; the script asks that')
    .option('--breaks <characters>', 'at which the shell takes words apart', '')
    .action(async ({ line, breaks }: CompletionOptions) => {
      if (line === undefined) return await context.stdout.write(SCRIPT);
      const found = await completionsOf(line, breaks, { context, verbs });
      await context.stdout.write(found.map((text) => `${text}\n`).join(''));
    });
}
