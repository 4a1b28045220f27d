import { homedir } from 'node:os';
import { join } from 'node:path';

/** `$GDPFS_HOME`, else `gdpfs` in the XDG configuration directory. */
export function homeDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { GDPFS_HOME: explicit, XDG_CONFIG_HOME: configuration, HOME: home } = environment;
  if (explicit) return explicit;
  return join(configuration || join(home || homedir(), '.config'), 'gdpfs');
}
