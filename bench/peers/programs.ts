import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian keeps servers where the PATH of a user does not look. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of a program, or undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Like `findProgram`; throws `MissingPeer`. */
export function needProgram(name: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new MissingPeer(`${name} is not installed; "sudo bench/peers.sh" installs it`);
}

/** A peer that cannot be measured on this machine; the message says why. */
export class MissingPeer extends Error {}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
