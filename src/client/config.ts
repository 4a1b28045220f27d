import { GdpfsError } from '../base/errors.ts';
import { isPrincipalName } from '../wire/principal.ts';

/** A profile as `config.json` has it. File paths are relative to the configuration's folder. */
export interface ProfileEntry {
  readonly url: string;
  readonly principal: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Volume names by alias. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Have what servers say of paths proven, always. */
  readonly prove?: boolean;
}

/** `config.json`, version 1. Members that this version does not know are kept. */
export interface Config {
  readonly version: 1;
  /** The profile that is used when none is named. */
  readonly current?: string;
  readonly profiles: Readonly<Record<string, ProfileEntry>>;
}

/** Also a folder name, and a segment of a `/pfs/<profile>/…` path. */
export function isProfileName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

export function formatConfig(config: Config): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Throws `local_io` that says what is wrong; `path` is for that message only. */
export function parseConfig(text: string, path: string): Config {
  const object = parseJson(text, path);
  const { version, current, profiles } = object;
  if (version !== 1) {
    throw unreadable(path, `its version is ${JSON.stringify(version) ?? 'missing'}, need 1`);
  }
  if (current !== undefined && typeof current !== 'string') {
    throw unreadable(path, '"current" is not a string');
  }
  if (!isObject(profiles)) throw unreadable(path, '"profiles" is not an object');
  for (const [name, entry] of Object.entries(profiles)) {
    const problem = isProfileName(name) ? problemOfEntry(entry) : 'its name is not allowed';
    if (problem !== undefined) {
      throw unreadable(path, `profile ${JSON.stringify(name)}: ${problem}`);
    }
  }
  return object as unknown as Config;
}

function problemOfEntry(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'it is not an object';
  for (const member of ['url', 'principal', 'ca', 'certificate', 'key']) {
    if (typeof entry[member] !== 'string') return `"${member}" is not a string`;
  }
  if (!isServerUrl(String(entry['url']))) return '"url" is not "https://host:port"';
  if (!isPrincipalName(String(entry['principal']))) return '"principal" is not a principal name';
  const { volumes, prove = false } = entry;
  if (typeof prove !== 'boolean') return '"prove" is not true or false';
  if (!isObject(volumes)) return '"volumes" is not an object';
  const names = Object.values(volumes);
  if (!names.every((name) => typeof name === 'string')) return '"volumes" holds more than strings';
  return undefined;
}

function isServerUrl(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && text.startsWith('https:');
}

function parseJson(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, 'it is not JSON', cause);
  }
  if (!isObject(value)) throw unreadable(path, 'it is not a JSON object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(path: string, state: string, cause?: unknown): GdpfsError {
  return new GdpfsError('local_io', `cannot use ${JSON.stringify(path)}: ${state}`, {
    hint: 'correct the file, or move it away and run "gdpfs login" again',
    ...(cause === undefined ? {} : { cause }),
  });
}
