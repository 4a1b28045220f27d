import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { findProgram } from './peers/programs.ts';

/** How each program says which one it is. */
const QUESTIONS: readonly (readonly [name: string, ...args: readonly string[]])[] = [
  ['ssh', '-V'],
  ['rsync', '--version'],
  ['tar', '--version'],
  ['rclone', 'version'],
  ['nginx', '-v'],
  ['curl', '--version'],
  ['ip', '-V'],
];

/** Names and versions of all that is measured. */
export function versions(): [name: string, version: string][] {
  const peers = QUESTIONS.map(([name, ...args]): [string, string] => {
    return [name, versionOf(name, args)];
  });
  return [['Node', process.versions.node], ['kernel', release()], ...peers];
}

function versionOf(name: string, args: readonly string[]): string {
  const program = findProgram(name);
  if (program === undefined) return 'not installed';
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  const [line = ''] = `${stdout}${stderr}`.trim().split('\n');
  return line;
}
