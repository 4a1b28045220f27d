import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import type { Checkpoint } from '../../format/checkpoint.ts';
import { isAlias } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatTime } from '../format.ts';
import { requireVolume } from '../../client/servers.ts';

interface TrustOptions extends GlobalOptions {
  readonly reset?: boolean;
  readonly json?: boolean;
}

export function volumeTrustCommand(context: Context): Command {
  return new Command('trust')
    .summary('show or forget what was seen of a volume')
    .description(
      'Show the newest checkpoint that was seen of a volume, to which every command holds the server. ' +
        'With --reset it is forgotten, and what the alias stands for too: the next command takes what the server shows.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .option('--reset', 'forget it')
    .option('--json', 'as a JSON object')
    .action(async (text: string, _: object, command: Command) => {
      await trust(context, text, command.optsWithGlobals<TrustOptions>());
    });
}

/** Asks no server: what it would say is what may be in doubt. */
async function trust(context: Context, text: string, options: TrustOptions): Promise<void> {
  const { home, stdout } = context;
  const remote = requireVolume(text);
  const reference = remote.volume;
  const profile = await home.profile(remote.profile ?? options.profile);
  const name = isAlias(reference) ? ownName(profile.volumes, reference) : reference;
  const seen = name === undefined ? [] : await home.checkpoints.read(name);
  if (options.reset !== true) {
    if (name === undefined) {
      throw new GdpfsError('not_found', `cannot show ${JSON.stringify(text)}: never seen before`);
    }
    const newest = seen.at(-1);
    return await stdout.write(options.json ? jsonOf(name, newest) : textOf(name, newest));
  }
  const hadAny = name !== undefined && (await home.checkpoints.forget(name));
  await home.forgetVolume(profile, reference);
  const isForgotten = hadAny || name !== undefined;
  if (options.json) return await stdout.write(`${JSON.stringify({ forgotten: isForgotten })}\n`);
  await stdout.write(`${text}: ${isForgotten ? 'forgotten' : 'nothing was known'}\n`);
}

function ownName(volumes: Readonly<Record<string, string>>, alias: string): string | undefined {
  return Object.hasOwn(volumes, alias) ? volumes[alias] : undefined;
}

function textOf(name: string, newest: Checkpoint | undefined): string {
  if (newest === undefined) return `${name}  no checkpoint seen\n`;
  const { count, timeMs, epoch, owner } = newest;
  const rotation = owner === undefined ? '' : `  owner rotation ${owner.rotations}`;
  return `${name}  ${count} records  ${formatTime(timeMs)}  epoch ${epoch}${rotation}\n`;
}

function jsonOf(name: string, newest: Checkpoint | undefined): string {
  const { count, timeMs, epoch, root } = newest ?? {};
  const base64 = root === undefined ? undefined : Buffer.from(root).toString('base64');
  const ownerRotations = newest && (newest.owner?.rotations ?? 0);
  return `${JSON.stringify({ name, count, root: base64, timeMs, epoch, ownerRotations })}\n`;
}
