/**
 * What the client remembers between runs: docs/client-config.md describes it for other programs.
 * `config.json` is the commit point: whatever it does not name does not exist.
 */

import { join } from 'node:path';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../wire/private-file.ts';
import {
  type Config,
  formatConfig,
  isProfileName,
  parseConfig,
  type ProfileEntry,
} from './config.ts';
import type { CredentialStore } from './credentials.ts';
import { withFileLock } from './file-lock.ts';
import { type CheckpointStore, openCheckpointStore } from './trust/checkpoint-store.ts';
import { VolumeKeys } from './custody/volume-keys.ts';
import {
  readCredentials,
  removeCredentials,
  replaceCertificate,
  writeCredentials,
} from './profile-files.ts';

/** A login: where the server is, how it is recognized, and who we are there. */
export interface Profile {
  readonly name: string;
  /** `https://host:port`. */
  readonly url: string;
  readonly principal: string;
  /** PEM: the only authority that is trusted for this server. */
  readonly ca: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** Self-certifying names of the volumes, by the aliases they were first seen under. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Have what the server says of paths proven. */
  readonly prove: boolean;
}

/** What is known of a profile without its files. */
export interface ProfileSummary extends Pick<Profile, 'name' | 'url' | 'principal'> {
  /** It is used where none is named. */
  readonly isCurrent: boolean;
}

/** What a login stores. */
export type Login = Omit<Profile, 'volumes' | 'prove'>;

export interface Home {
  readonly directory: string;
  /** The profile of this process where none is named, whatever the current one is. */
  readonly chosen: string | undefined;
  /**
   * The named profile, or that of the process, or the current one. Throws `certificate_required` if nobody logged in yet,
   * `not_found` for an unknown name, `local_io` for files that are damaged.
   */
  profile(name?: string): Promise<Profile>;
  /** All profiles as `config.json` has them, in its order. */
  profiles(): Promise<readonly ProfileSummary[]>;
  /** Makes the profile the current one. Throws as `profile`. */
  useProfile(name: string): Promise<void>;
  /**
   * Removes the profile, with its key; durable. Throws as `profile`, and `exists` for the current one if there are
   * others: which of them would be used?
   */
  removeProfile(name: string): Promise<void>;
  /** Makes the folder and reads what is there, so that a login fails before it uses up a token. */
  prepare(): Promise<void>;
  /** Adds or replaces a profile and makes it the current one; durable. */
  saveProfile(profile: Login): Promise<void>;
  /**
   * Remembers which volume `alias` stands for on the profile's server, or checks it. Throws
   * `untrusted` if it was another one: an alias never changes its volume silently. Where the folder
   * cannot be written, such as a secret in a pod, it only checks.
   */
  rememberVolume(profile: Profile, volume: { alias: string; name: string }): Promise<void>;
  /** An alias may stand for any volume again. */
  forgetVolume(profile: Profile, alias: string): Promise<void>;
  /** What was seen of volumes: shared by all profiles, since a name says whose the volume is. */
  readonly checkpoints: CheckpointStore;
  /** Private keys of volumes with custody `client`. */
  readonly keys: VolumeKeys;
  /** Where a session keeps what it renews of a profile. The profile stays as it is otherwise. */
  credentials(profile: Profile): CredentialStore;
}

interface HomeParts extends Pick<Home, 'directory' | 'chosen' | 'profile'> {
  readonly read: () => Promise<Config>;
  /** Reads, changes and writes the configuration while no other process does. */
  readonly update: (change: (config: Config) => Promise<Config> | Config) => Promise<void>;
}

/** `chosen`: see `homeProfile`. */
export function openHome(directory: string, chosen?: string): Home {
  const path = join(directory, 'config.json');
  const read = (): Promise<Config> => readConfig(path);

  const update: HomeParts['update'] = async (change) => {
    await withFileLock(`${path}.lock`, async () => {
      await writePrivateFile(path, formatConfig(await change(await read())));
    });
  };

  const profile = async (wanted?: string): Promise<Profile> =>
    await profileOf(directory, choose(await read(), wanted ?? chosen));

  return {
    directory,
    chosen,
    profile,

    ...chosenProfiles({ directory, chosen, read, update, profile }),

    async prepare() {
      await makePrivateDirectory(directory);
      await read();
    },

    async saveProfile(profile) {
      checkProfileName(profile.name);
      await makePrivateDirectory(directory);
      let replaced: ProfileEntry | undefined;
      await update(async (config) => {
        replaced = own(config.profiles, profile.name);
        const volumes = await knownVolumes(directory, replaced, profile);
        const files = await writeCredentials(directory, profile);
        const entry = { ...files, url: profile.url, principal: profile.principal, volumes };
        const profiles = { ...config.profiles, [profile.name]: entry };
        return { ...config, current: profile.name, profiles };
      });
      if (replaced !== undefined) await removeCredentials(directory, replaced);
    },

    async rememberVolume(profile, volume) {
      if (own(profile.volumes, volume.alias) === volume.name) return;
      try {
        await update((config) => withVolume(config, profile.name, volume));
      } catch (error) {
        if (!isWriteRefused(error)) throw error;
        // A mounted secret: what it knows of volumes is checked, and nothing is added.
        withVolume(await read(), profile.name, volume);
      }
    },

    async forgetVolume(profile, alias) {
      if (own(profile.volumes, alias) === undefined) return;
      await update((config) => withoutVolume(config, profile.name, alias));
    },

    checkpoints: openCheckpointStore(join(directory, 'checkpoints')),

    keys: new VolumeKeys(join(directory, 'keys')),

    credentials: (of) => ({
      load: async () => sameLogin(await profile(of.name), of),
      save: (renewed) =>
        update(async (config) => {
          await replaceCertificate(directory, choose(config, of.name), renewed);
          return config;
        }),
    }),
  };
}

/** What is done with profiles that are there. */
function chosenProfiles({
  directory,
  chosen,
  read,
  update,
  profile,
}: HomeParts): Pick<Home, 'profiles' | 'useProfile' | 'removeProfile'> {
  return {
    async profiles() {
      const { current, profiles } = await read();
      return Object.entries(profiles).map(([name, { url, principal }]) => {
        return { name, url, principal, isCurrent: name === (chosen ?? current) };
      });
    },

    async useProfile(name) {
      // Of a login that is not whole nothing can be used.
      await profile(name);
      await update((config) => ({ ...config, current: choose(config, name).name }));
    },

    async removeProfile(name) {
      let removed: ProfileEntry | undefined;
      await update((config) => {
        removed = choose(config, name).entry;
        return withoutProfile(config, name);
      });
      if (removed !== undefined) await removeCredentials(directory, removed);
    },
  };
}

async function profileOf(
  directory: string,
  { name, entry }: { readonly name: string; readonly entry: ProfileEntry },
): Promise<Profile> {
  const { url, principal, volumes, prove = false } = entry;
  const credentials = await readCredentials(directory, name, entry);
  return { name, url, principal, ...credentials, volumes, prove };
}

/** Undefined if somebody has logged in elsewhere under the name of the profile. */
function sameLogin(now: Profile, of: Profile): Profile | undefined {
  const isSame = now.url === of.url && now.principal === of.principal && now.ca === of.ca;
  return isSame ? now : undefined;
}

async function readConfig(path: string): Promise<Config> {
  const text = await readPrivateFile(path);
  return text === undefined ? { version: 1, profiles: {} } : parseConfig(text, path);
}

/** Throws `untrusted` if the alias is known for another volume. */
function withVolume(
  config: Config,
  profile: string,
  volume: { readonly alias: string; readonly name: string },
): Config {
  const { name, entry } = choose(config, profile);
  const known = own(entry.volumes, volume.alias);
  if (known !== undefined && known !== volume.name) throw replacedVolume(volume.alias);
  const volumes = { ...entry.volumes, [volume.alias]: volume.name };
  return { ...config, profiles: { ...config.profiles, [name]: { ...entry, volumes } } };
}

function withoutVolume(config: Config, profile: string, alias: string): Config {
  const { name, entry } = choose(config, profile);
  const { [alias]: _, ...volumes } = entry.volumes;
  return { ...config, profiles: { ...config.profiles, [name]: { ...entry, volumes } } };
}

function withoutProfile(config: Config, name: string): Config {
  const { [name]: _, ...profiles } = config.profiles;
  if (config.current !== name) return { ...config, profiles };
  const others = Object.keys(profiles);
  if (others.length > 0) {
    throw new GdpfsError(
      'exists',
      `cannot remove profile ${JSON.stringify(name)}: it is the current one, need another`,
      { hint: `choose one first: gdpfs profile use ${others[0] ?? ''}` },
    );
  }
  const { current: _current, ...rest } = config;
  return { ...rest, profiles };
}

/** The volumes that stay known when somebody logs in anew: those of the very same server. */
async function knownVolumes(
  directory: string,
  entry: ProfileEntry | undefined,
  { url, ca }: Login,
): Promise<ProfileEntry['volumes']> {
  if (entry?.url !== url) return {};
  return (await readPrivateFile(join(directory, entry.ca))) === ca ? entry.volumes : {};
}

/** Throws `usage`. */
export function checkProfileName(name: string): void {
  if (isProfileName(name)) return;
  const need = 'need 1 to 64 letters, digits, ".", "_" or "-"';
  throw new GdpfsError('usage', `cannot use the profile name ${JSON.stringify(name)}: ${need}`);
}

function choose(config: Config, wanted?: string): { name: string; entry: ProfileEntry } {
  const name = wanted ?? config.current;
  const known = Object.keys(config.profiles);
  if (name === undefined || known.length === 0) {
    throw new GdpfsError(
      'certificate_required',
      'cannot reach a server: nobody has logged in yet',
      {
        hint: 'run "gdpfs login URL TOKEN" with the token that an admin of the server gave you',
      },
    );
  }
  const entry = own(config.profiles, name);
  if (entry === undefined) {
    throw new GdpfsError('not_found', `cannot use profile ${JSON.stringify(name)}: there is none`, {
      hint: `the profiles are: ${known.join(', ')}`,
    });
  }
  return { name, entry };
}

/** `constructor` is a good name for a volume, and every object seems to have one. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Codes of what a folder answers that is not ours to write. */
const NOT_OURS: readonly unknown[] = ['EROFS', 'EACCES', 'EPERM'];

function isWriteRefused(error: unknown): boolean {
  if (!isGdpfsError(error, 'local_io')) return false;
  const { cause } = error;
  return cause instanceof Error && 'code' in cause && NOT_OURS.includes(cause.code);
}

function replacedVolume(alias: string): GdpfsError {
  const object = `volume ${JSON.stringify(alias)}`;
  return new GdpfsError(
    'untrusted',
    `cannot use ${object}: the server has another volume there now`,
    { hint: `if it was made anew on purpose: gdpfs volume trust --reset gdp://${alias}` },
  );
}
