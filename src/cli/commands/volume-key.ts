import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { exportKey, importKey, type KeyRole } from '../../client/custody/volume-keys.ts';
import { type RemoteFile, requireVolume, Servers } from '../../client/servers.ts';
import type { TrustedVolume } from '../../client/trust/volume-trust.ts';
import { rotateKey } from '../../client/volumes.ts';
import type { KeyRotation } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';

interface KeyOptions extends GlobalOptions {
  /** The owner's key instead of the writer's. */
  readonly owner?: boolean;
  readonly json?: boolean;
}

export function volumeKeyCommand(context: Context): Command {
  return new Command('key')
    .summary('replace the keys that sign, or take them elsewhere')
    .description(
      "A volume's keys: the writer's, which signs its changes, and the owner's, which says who the " +
        'writer is.',
    )
    .addCommand(rotateCommand(context))
    .addCommand(exportCommand(context))
    .addCommand(importCommand(context));
}

function rotateCommand(context: Context): Command {
  return new Command('rotate')
    .summary('replace it by a new one')
    .description(
      "Make a new writer key, or with --owner a new owner key, and have the owner's key sign it: the " +
        "server does, or, with custody client, this machine, which must have the owner's key (for --owner " +
        "the writer's, too). From then on nothing that the old key signs counts. The volume keeps its name.",
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .option(
      '--owner',
      `replace the owner's key, up to ${LIMITS.ownerRotationsMax} times; the writer key stays`,
    )
    .option('--json', 'as a JSON object (KeyRotation of the API)')
    .action(async (text: string, _: object, command: Command) => {
      const { profile, owner, json } = command.optsWithGlobals<KeyOptions>();
      const role = roleOf(owner);
      await using servers = new Servers(context.home, profile);
      const file = await servers.locate(requireVolume(text));
      const { session, trusted } = file;
      const { signal } = context;
      const done =
        trusted.custody === 'client'
          ? await rotateHere(context, file, role)
          : await rotateKey(session, trusted.name, { role, signal });
      const number = role === 'owner' ? `, owner rotation ${done.ownerRotations}` : '';
      const line = json === true ? JSON.stringify(done) : `${text}: epoch ${done.epoch}${number}`;
      await context.stdout.write(`${line}\n`);
    });
}

async function rotateHere(
  { home, signal }: Context,
  { session, trusted, signing }: RemoteFile,
  role: KeyRole,
): Promise<KeyRotation> {
  const { rotateOwnKey, rotateOwnOwner } = await import('../../client/custody/rotate-key.ts');
  const signer = await signing.signer(trusted);
  const owned = { session, trusted, keys: home.keys, signer, signal };
  const rotate = role === 'owner' ? rotateOwnOwner : rotateOwnKey;
  const { epoch, ownerRotations } = await rotate(owned);
  return { epoch, ownerRotations };
}

function exportCommand(context: Context): Command {
  return new Command('export')
    .summary('write it to a file, for another machine or as a backup')
    .description(
      "Write the writer key, or with --owner the owner's key, of a volume with custody client to a new " +
        'file that only you can read. Who has the file can sign changes, or name who may: bring it to the ' +
        'other machine over a safe way, import it there and remove it.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .argument('<file>', 'must not exist')
    .option('--owner', "the owner's key")
    .option('--json', 'as a JSON object: volume, role, file')
    .action(async (text: string, path: string, _: object, command: Command) => {
      const { profile, owner, json } = command.optsWithGlobals<KeyOptions>();
      const role = roleOf(owner);
      const trusted = await locateOwn(context, text, profile);
      const key = await context.home.keys.find(trusted.name, role, publicKeyOf(trusted, role));
      if (key === undefined) {
        throw new GdpfsError(
          'not_found',
          `cannot export key of ${text}: its ${role} key is not on this machine`,
        );
      }
      await exportKey(path, key);
      const done =
        json === true ? describeKey(trusted, role, path) : `${text}: its ${role} key is in ${path}`;
      await context.stdout.write(`${done}\n`);
    });
}

function importCommand(context: Context): Command {
  return new Command('import')
    .summary('take it from a file')
    .description(
      "Take the writer key, or with --owner the owner's key, of a volume with custody client from a " +
        'file, if it is that of the volume as it is now.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .argument('<file>', 'made by "gdpfs volume key export"')
    .option('--owner', "the owner's key")
    .option('--json', 'as a JSON object: volume, role, file')
    .action(async (text: string, path: string, _: object, command: Command) => {
      const { profile, owner, json } = command.optsWithGlobals<KeyOptions>();
      const role = roleOf(owner);
      const trusted = await locateOwn(context, text, profile);
      const key = await importKey(path, publicKeyOf(trusted, role));
      await context.home.keys.save(trusted.name, role, key);
      const state = role === 'owner' ? 'its keys can be replaced' : 'can be changed';
      const done = json === true ? describeKey(trusted, role, path) : `${text}: ${state} from here`;
      await context.stdout.write(`${done}\n`);
    });
}

function roleOf(owner: boolean | undefined): KeyRole {
  return owner === true ? 'owner' : 'writer';
}

function describeKey({ name }: TrustedVolume, role: KeyRole, file: string): string {
  return JSON.stringify({ volume: name, role, file });
}

/** The one in force. */
function publicKeyOf({ ownerKey, writerKey }: TrustedVolume, role: KeyRole): Uint8Array {
  return role === 'owner' ? ownerKey : writerKey;
}

/** A volume whose keys are not the server's. */
async function locateOwn(
  { home }: Context,
  text: string,
  profile: string | undefined,
): Promise<TrustedVolume> {
  await using servers = new Servers(home, profile);
  const { trusted } = await servers.locate(requireVolume(text));
  if (trusted.custody === 'client') return trusted;
  throw new GdpfsError('usage', `cannot use key of ${text}: the server has it, and signs`);
}
