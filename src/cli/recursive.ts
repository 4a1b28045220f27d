import { type Command, Option } from 'commander';

/** Adds `-r, --recursive`, and `-R` for fingers that learned it from ls and cp. */
export function addRecursiveOption(command: Command, description: string): Command {
  return command
    .option('-r, --recursive', `${description} (also -R)`)
    .addOption(new Option('-R').implies({ recursive: true }).hideHelp());
}
