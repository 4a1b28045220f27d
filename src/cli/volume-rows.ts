import { Servers } from '../client/servers.ts';
import { listVolumes } from '../client/volumes.ts';
import type { Volume } from '../wire/generated/api.ts';
import type { Context } from './context.ts';
import { formatSize, formatTime } from './format.ts';

/** One line for each volume that the profile's principal may use: its name alone, what is known of it, or all that as JSON. */
export async function writeVolumes(
  context: Context,
  profile: string | undefined,
  form: 'short' | 'long' | 'json',
): Promise<void> {
  await using servers = new Servers(context.home, profile);
  const volumes = await listVolumes(await servers.session(), { signal: context.signal });
  const lineOf = (volume: Volume): string => {
    if (form === 'json') return JSON.stringify(volume);
    return form === 'long' ? describe(volume) : `gdp://${volume.alias}/`;
  };
  await context.stdout.write(volumes.map((volume) => `${lineOf(volume)}\n`).join(''));
}

function describe({ alias, owner, access, usage, quota, createdMs, name }: Volume): string {
  const held = usage === undefined ? '?' : formatSize(usage.bytes);
  const size = quota?.bytes ? `${held} of ${formatSize(quota.bytes)}` : held;
  return [
    alias.padEnd(16),
    owner.padEnd(8),
    access.padEnd(7),
    size.padEnd(20),
    formatTime(createdMs),
    name,
  ].join('  ');
}
