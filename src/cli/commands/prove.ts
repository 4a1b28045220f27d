import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { makeLocalDirectories } from '../../client/local-directories.ts';
import { localError } from '../../client/local-error.ts';
import { requireNow, Servers } from '../../client/servers.ts';
import { fetchProofFiles } from '../../client/trust/proof-files.ts';
import type { Context, GlobalOptions } from '../context.ts';

interface ProveOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function proveCommand(context: Context): Command {
  return new Command('prove')
    .description(
      'Save what proves a file: the checkpoint with what leads to its signature, the part of the state map that leads to the file, and its manifest. docs/verify.md checks them without gdpfs.',
    )
    .argument('<path>', 'gdp://VOLUME/PATH of a file')
    .argument('<directory>', 'a local directory, made if missing')
    .option('--json', 'as a JSON object: volume, path, directory, files')
    .action(async (text: string, directory: string, _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<ProveOptions>();
      await using servers = new Servers(context.home, profile);
      const file = await servers.locate(requireNow(text));
      const { signal } = context;
      const files = await fetchProofFiles(file, { signal });
      try {
        makeLocalDirectories(directory);
        for (const [name, bytes] of Object.entries(files)) {
          await writeFile(join(directory, name), bytes);
        }
      } catch (error) {
        throw localError('write', directory, error);
      }
      const { name } = file.trusted;
      const saved = { volume: name, path: file.apiPath, directory, files: Object.keys(files) };
      await context.stdout.write(`${json ? JSON.stringify(saved) : name}\n`);
    });
}
