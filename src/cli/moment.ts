import type { Command } from 'commander';
import { GdpfsError } from '../base/errors.ts';
import { parseTime } from '../base/parse-time.ts';
import { isSnapshotName } from '../format/snapshot.ts';

/** Adds `--at`. `subject` is what is looked at: `as it was`. */
export function addAtOption(command: Command, subject: string): Command {
  return command.option(
    '--at <moment>',
    `${subject} after this seq, in this snapshot, or at this time, such as 2026-11-20T12:00`,
    parseMoment,
  );
}

/** A seq, the name of a snapshot, or a time in the form in which the API takes it. Throws `usage`. */
export function parseMoment(text: string): string {
  if (/^[0-9]{1,16}$/.test(text) || isSnapshotName(text)) return text;
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return new Date(timeMs).toISOString();
  const need = 'need a seq, a time such as 2026-11-20T12:00, or the name of a snapshot';
  throw new GdpfsError('usage', `cannot use the moment ${JSON.stringify(text)}: ${need}`);
}
