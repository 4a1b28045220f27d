import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { changeKeptHistory } from '../../client/kept-history.ts';
import { requireSnapshotName } from '../../format/policy-change.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { requireRemote, requireVolume, Servers } from '../../client/servers.ts';
import { formatRemotePath, isAlias, type RemotePath } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatTime } from '../format.ts';
import { addAtOption } from '../moment.ts';
import { columns, writeRows } from '../rows.ts';

interface SnapshotOptions extends GlobalOptions {
  readonly at?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function snapshotCommand(context: Context): Command {
  return new Command('snapshot')
    .description(
      'Give states of a volume names. Such a state is kept whatever its age, and is read as gdp://VOLUME@NAME/PATH, ' +
        'or with --at NAME; its name is signed by the owner of the volume.',
    )
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(removeCommand(context));
}

function createCommand(context: Context): Command {
  const command = new Command('create')
    .summary('give a state a name, and keep it')
    .description('Give the newest state of a volume a name, or that of a moment, and keep it.')
    .argument('<volume>', 'gdp://VOLUME, its alias, or gdp://VOLUME@MOMENT')
    .argument('<name>', 'of the snapshot, such as v1.0')
    .option('--json', 'as a JSON object (Snapshot of the API)');
  return addAtOption(command, 'the volume as it was').action(async (text: string, name: string) => {
    const { profile, at, json } = command.optsWithGlobals<SnapshotOptions>();
    requireSnapshotName(name);
    const { remote, moment } = stateOf(text, at);
    await using servers = new Servers(context.home, profile);
    const file = await servers.locate(remote);
    const wanted = { kind: 'snapshot', name, at: moment } as const;
    const { signal, home } = context;
    const { snapshots } = await changeKeptHistory(file, wanted, { keys: home.keys, signal });
    const created = snapshots.find((snapshot) => snapshot.name === name);
    const { volume } = remote;
    const said = `gdp://${volume}@${name}: the state after record ${created?.seq}`;
    await context.stdout.write(`${json === true ? JSON.stringify(created) : said}\n`);
  });
}

/** The volume, and which state of it is meant. Throws `usage`. */
function stateOf(
  text: string,
  at: string | undefined,
): { readonly remote: RemotePath; readonly moment: string | undefined } {
  const { at: pinned, ...now } = requireRemote(isAlias(text) ? `gdp://${text}` : text);
  const remote = requireVolume(formatRemotePath(now));
  if (at === undefined || pinned === undefined) return { remote, moment: at ?? pinned };
  throw new GdpfsError('usage', `cannot use "@${pinned}" together with --at`);
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list them')
    .description(
      'List the snapshots of volumes: name, seq, when it was named. The owner has signed them.',
    )
    .argument('<volume...>', 'gdp://VOLUME, or its alias')
    .option('--json', 'one JSON object (Snapshot of the API) for each line')
    .action(async (texts: string[], _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<SnapshotOptions>();
      await using servers = new Servers(context.home, profile);
      await forEachReported(context, texts, async (text) => {
        const { trusted } = await servers.locate(requireVolume(text));
        await writeRows(context, trusted.checkpoint.snapshots, { json, describe });
      });
    });
}

function describe({ name, seq, createdMs }: Snapshot): string {
  return columns([name, 24], [String(seq), 10], [formatTime(createdMs), 0]);
}

function removeCommand(context: Context): Command {
  return new Command('rm')
    .summary('take their names away')
    .description(
      'Take the names of snapshots away. Their states are then kept only as long as the history of the volume.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .argument('<name...>', 'of the snapshots')
    .option('-f, --force', 'without asking, on a terminal, whether that is meant')
    .action(async (text: string, names: string[], _: object, command: Command) => {
      const { profile, force } = command.optsWithGlobals<SnapshotOptions>();
      const isAsked = context.isInteractive && force !== true;
      await using servers = new Servers(context.home, profile);
      const remote = requireVolume(text);
      await forEachReported(context, names, async (name) => {
        if (isAsked && !(await context.confirm(`remove snapshot ${name} of ${text}?`))) return;
        const { signal, home } = context;
        const file = await servers.locate(remote);
        await changeKeptHistory(file, { kind: 'forget', name }, { keys: home.keys, signal });
      });
    });
}
