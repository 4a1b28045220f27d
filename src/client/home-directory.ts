import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `$GDPFS_HOME`, else `gdpfs` in the XDG configuration directory. */
export function homeDirectory(environment: Environment): string {
  const { GDPFS_HOME: explicit, XDG_CONFIG_HOME: configuration, HOME: home } = environment;
  if (explicit) return explicit;
  return join(configuration || join(home || homedir(), '.config'), 'gdpfs');
}

/** The profile that is used where none is named: `$GDPFS_PROFILE`. Undefined for the current one. */
export function homeProfile({ GDPFS_PROFILE: name }: Environment): string | undefined {
  return name === '' ? undefined : name;
}
