import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { validityOf } from '../../client/credentials.ts';
import type { Profile, ProfileSummary } from '../../client/home.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatTime } from '../format.ts';
import { columns } from '../rows.ts';
import { exportCommand } from './profile-export.ts';

interface ProfileOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly force?: boolean;
}

/** What is told of a profile. */
interface ProfileJson {
  readonly name: string;
  /** Is it used where none is named? */
  readonly current: boolean;
  readonly url: string;
  readonly principal: string;
  readonly certificateExpiresMs: number;
  readonly prove: boolean;
  /** Self-certifying names by alias: those that were used. */
  readonly volumes: Readonly<Record<string, string>>;
}

export function profileCommand(context: Context): Command {
  return new Command('profile')
    .description(
      'Show and choose logins: each is one principal at one server, made by "gdpfs login --profile NAME". Servers are not asked.',
    )
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(useCommand(context))
    .addCommand(exportCommand(context))
    .addCommand(removeCommand(context));
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list the logins')
    .description(
      'List the logins: name, principal, server, end of the certificate; * marks the current one.',
    )
    .option('--json', 'one JSON object for each line')
    .action(async (_: object, command: Command) => {
      const { json } = command.optsWithGlobals<ProfileOptions>();
      const summaries = await context.home.profiles();
      // One with a file that is missing does not hide the others.
      await forEachReported(context, summaries, async ({ name, isCurrent }) => {
        const row = jsonOf(await context.home.profile(name), isCurrent);
        await context.stdout.write(`${json ? JSON.stringify(row) : describe(row)}\n`);
      });
    });
}

function showCommand(context: Context): Command {
  return new Command('show')
    .summary('show a login, the current one if none is named')
    .argument('[name]', 'see "gdpfs profile ls"')
    .option('--json', 'as a JSON object')
    .action(async (name: string | undefined, _: object, command: Command) => {
      const { profile: global, json } = command.optsWithGlobals<ProfileOptions>();
      const profile = await context.home.profile(name ?? global);
      const summaries = await context.home.profiles();
      const row = jsonOf(profile, summaries.find((one) => one.isCurrent)?.name === profile.name);
      await context.stdout.write(json ? `${JSON.stringify(row)}\n` : describeAll(row));
    });
}

function useCommand(context: Context): Command {
  return new Command('use')
    .summary('make a login the current one')
    .description(
      'Make a login the one that is used where none is named, with --profile or as GDPFS_PROFILE in the environment.',
    )
    .argument('<name>', 'see "gdpfs profile ls"')
    .action(async (name: string) => {
      const { home, report } = context;
      await home.useProfile(name);
      if (home.chosen === undefined || home.chosen === name) return;
      await report.warning(`GDPFS_PROFILE in the environment still chooses "${home.chosen}"`);
    });
}

function removeCommand(context: Context): Command {
  return new Command('rm')
    .summary('remove a login')
    .description(
      'Remove a login from this machine, with its key: to have it again takes another invitation. The server is not told: ' +
        'an admin ends it there with "gdpfs admin user rm". Keys of volumes stay.',
    )
    .argument('<name>', 'see "gdpfs profile ls"')
    .option('-f, --force', 'without asking')
    .action(async (name: string, { force }: ProfileOptions) => {
      const known = (await context.home.profiles()).find((one) => one.name === name);
      if (known !== undefined && !force && !(await isConfirmed(context, known))) return;
      await context.home.removeProfile(name);
    });
}

/** Throws `usage` where nobody can answer. */
async function isConfirmed(context: Context, known: ProfileSummary): Promise<boolean> {
  const { name, principal, url } = known;
  if (!context.isInteractive) {
    throw new GdpfsError(
      'usage',
      `cannot remove profile "${name}": nobody can be asked, need --force`,
    );
  }
  return await context.confirm(`remove the login of ${principal} at ${url}, with its key?`);
}

function jsonOf(profile: Profile, current: boolean): ProfileJson {
  const { name, url, principal, certificate, prove, volumes } = profile;
  const certificateExpiresMs = validityOf(certificate).expiresMs;
  return { name, current, url, principal, certificateExpiresMs, prove, volumes };
}

function describe({ name, current, principal, url, certificateExpiresMs }: ProfileJson): string {
  return columns(
    [current ? '*' : ' ', 1],
    [name, 16],
    [principal, 12],
    [url, 32],
    [`until ${formatTime(certificateExpiresMs)}`, 0],
  );
}

function describeAll({ volumes, ...profile }: ProfileJson): string {
  const rows: readonly (readonly [string, string])[] = [
    ['name', profile.current ? `${profile.name} (current)` : profile.name],
    ['server', profile.url],
    ['principal', profile.principal],
    ['valid until', formatTime(profile.certificateExpiresMs)],
    ['prove', profile.prove ? 'always' : 'with --prove'],
    ...Object.entries(volumes).map(([alias, name]) => ['volume', `${alias} (${name})`] as const),
  ];
  return rows.map(([what, value]) => `${`${what}:`.padEnd(13)}${value}\n`).join('');
}
