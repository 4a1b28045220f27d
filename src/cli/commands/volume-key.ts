import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { exportKey, importKey } from '../../client/custody/volume-keys.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';
import { rotateKey } from '../../client/volumes.ts';
import type { Context, GlobalOptions } from '../context.ts';

export function volumeKeyCommand(context: Context): Command {
  return new Command('key')
    .summary('replace the key that signs, or take it elsewhere')
    .description("A volume's writer key, which signs its changes.")
    .addCommand(rotateCommand(context))
    .addCommand(exportCommand(context))
    .addCommand(importCommand(context));
}

function rotateCommand(context: Context): Command {
  return new Command('rotate')
    .summary('replace it by a new one')
    .description(
      "Make a new writer key and have the owner's key sign it: the server does, or, with custody client, this machine, which must have the owner's key. From then on nothing that the old key signs counts.",
    )
    .argument('<volume>', 'gdp://VOLUME')
    .action(async (text: string, _: object, command: Command) => {
      const { profile } = command.optsWithGlobals<GlobalOptions>();
      await using servers = new Servers(context.home, profile);
      const file = await servers.locateText(text);
      const { session, trusted } = file;
      const { signal } = context;
      const epoch =
        trusted.custody === 'client'
          ? await rotateHere(context, file)
          : await rotateKey(session, trusted.name, { signal });
      await context.stdout.write(`${text}: epoch ${epoch}\n`);
    });
}

async function rotateHere(
  { home, signal }: Context,
  { session, trusted, signing }: RemoteFile,
): Promise<number> {
  const { rotateOwnKey } = await import('../../client/custody/rotate-key.ts');
  const signer = await signing.signer(trusted);
  return await rotateOwnKey({ session, trusted, keys: home.keys, signer, signal });
}

function exportCommand(context: Context): Command {
  return new Command('export')
    .summary('write it to a file, for another machine')
    .description(
      'Write the writer key of a volume with custody client to a new file that only you can read. Who has the file can sign changes: bring it to the other machine over a safe way, import it there and remove it.',
    )
    .argument('<volume>', 'gdp://VOLUME')
    .argument('<file>', 'must not exist')
    .action(async (text: string, path: string, _: object, command: Command) => {
      const { profile } = command.optsWithGlobals<GlobalOptions>();
      await using servers = new Servers(context.home, profile);
      const { trusted } = await servers.locateText(text);
      requireOwnCustody(text, trusted);
      const key = await context.home.keys.find(trusted.name, 'writer', trusted.writerKey);
      if (key === undefined) {
        throw new GdpfsError(
          'not_found',
          `cannot export key of ${text}: it is not on this machine`,
        );
      }
      await exportKey(path, key);
      await context.stdout.write(`${text}: its writer key is in ${path}\n`);
    });
}

function importCommand(context: Context): Command {
  return new Command('import')
    .summary('take it from a file')
    .description(
      'Take the writer key of a volume with custody client from a file, if it is that of the volume as it is now.',
    )
    .argument('<volume>', 'gdp://VOLUME')
    .argument('<file>', 'made by "gdpfs volume key export"')
    .action(async (text: string, path: string, _: object, command: Command) => {
      const { profile } = command.optsWithGlobals<GlobalOptions>();
      await using servers = new Servers(context.home, profile);
      const { trusted } = await servers.locateText(text);
      requireOwnCustody(text, trusted);
      await context.home.keys.save(
        trusted.name,
        'writer',
        await importKey(path, trusted.writerKey),
      );
      await context.stdout.write(`${text}: can be changed from here\n`);
    });
}

function requireOwnCustody(text: string, { custody }: RemoteFile['trusted']): void {
  if (custody === 'client') return;
  throw new GdpfsError('usage', `cannot use key of ${text}: the server has it, and signs`);
}
