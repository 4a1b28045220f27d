import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  formatApiPath,
  formatRemotePath,
  isAlias,
  parseRemotePath,
  type RemotePath,
} from '../format/path.ts';
import { type SigningSession, signingSession } from './custody/signing-session.ts';
import type { RemoteEndpoint } from './endpoint.ts';
import type { FlowOptions } from './flow/flow-options.ts';
import { homeDirectory, homeProfile } from './home-directory.ts';
import { type Home, openHome, type Profile } from './home.ts';
import { pinnedSession } from './pinned-session.ts';
import { openSession, type Session } from './session.ts';
import { heldSession } from './trust/held-session.ts';
import { provingSession } from './trust/proving-session.ts';
import { trustAgain, trustVolume, type TrustedVolume } from './trust/volume-trust.ts';

/** A path in a volume, and the session that reaches it. */
export interface RemoteFile {
  readonly session: Session;
  readonly remote: RemotePath;
  /** `/<volume>/<path>`. */
  readonly apiPath: string;
  /** As the user would write it. */
  readonly text: string;
  /** What signs changes of volumes that nobody else signs for. */
  readonly signing: SigningSession;
  /** What the server showed of the volume before the command began, held to what was seen before. */
  readonly trusted: TrustedVolume;
}

/** A profile, and the ways to its server. */
interface Opened {
  readonly profile: Profile;
  /** As it is. */
  readonly plain: Session;
  readonly signing: SigningSession;
  /** For all that commands ask. */
  readonly session: Session;
}

export interface ServersOptions extends FlowOptions {
  /** Have what servers say of paths proven, whatever the profile says. */
  readonly prove?: boolean | undefined;
}

/**
 * The servers that one command or program talks to: one session for each profile, opened when a path needs it.
 * Before the first use of a volume it holds the server to what was seen of it before: the alias must
 * mean the same volume, and its history must be the same and go on. What the command itself changed is
 * looked at once more in the end.
 */
export class Servers implements AsyncDisposable {
  readonly #home: Home;
  /** The profile of paths that name none. */
  readonly #profileName: string | undefined;
  readonly #options: ServersOptions;
  readonly #opened = new Map<string | undefined, Promise<Opened>>();
  readonly #trusted = new Map<string, Promise<TrustedVolume>>();
  /** Sessions for the ends of copies, by the same keys. */
  readonly #held = new Map<string, Session>();

  constructor(home: Home, profileName: string | undefined, options: ServersOptions = {}) {
    this.#home = home;
    this.#profileName = profileName;
    this.#options = options;
  }

  /** The session of a profile: the one named, or that of the command. */
  async session(profileName = this.#profileName): Promise<Session> {
    return (await this.#open(profileName)).session;
  }

  async locate(remote: RemotePath): Promise<RemoteFile> {
    const { profile, plain, signing, session } = await this.#open(
      remote.profile ?? this.#profileName,
    );
    const trusted = await this.#trust(profile, plain, remote.volume);
    const text = formatRemotePath(remote);
    return { session, remote, apiPath: formatApiPath(remote), text, trusted, signing };
  }

  /**
   * One end of a copy. Does not wait until the server has shown what the volume is: the session holds
   * back what it answers.
   */
  async endpoint(remote: RemotePath): Promise<RemoteEndpoint> {
    const { profile, plain, session } = await this.#open(remote.profile ?? this.#profileName);
    const key = trustKey(profile, remote.volume);
    let held = this.#held.get(key);
    if (held === undefined) {
      held = heldSession(session, this.#trust(profile, plain, remote.volume));
      this.#held.set(key, held);
    }
    return { kind: 'remote', session: held, remote };
  }

  /** Throws `usage` for a local path. */
  async locateText(text: string): Promise<RemoteFile> {
    return await this.locate(requireRemote(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#settle();
      await this.#checkChanges();
    } finally {
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    for (const opening of this.#opened.values()) {
      // One that did not open has said so to whoever asked for it.
      const opened = await opening.catch(() => undefined);
      await opened?.plain[Symbol.asyncDispose]();
    }
  }

  #open(profileName: string | undefined): Promise<Opened> {
    let opened = this.#opened.get(profileName);
    if (opened === undefined) {
      opened = this.#home.profile(profileName).then((profile): Opened => {
        const credentials = this.#home.credentials(profile);
        const { prove = false, ...flow } = this.#options;
        const plain = openSession({ ...profile, ...flow, credentials });
        const trust = (volume: string): Promise<TrustedVolume> =>
          this.#trust(profile, plain, volume);
        const { keys } = this.#home;
        const signing = signingSession(plain, { keys, trust, principal: profile.principal });
        const isProving = prove || profile.prove;
        const session = pinnedSession(isProving ? provingSession(signing, trust) : signing, trust);
        return { profile, plain, signing, session };
      });
      this.#opened.set(profileName, opened);
    }
    return opened;
  }

  #trust(profile: Profile, session: Session, reference: string): Promise<TrustedVolume> {
    const key = trustKey(profile, reference);
    let trusted = this.#trusted.get(key);
    if (trusted === undefined) {
      trusted = trustVolume({ session, home: this.#home, profile, reference });
      this.#trusted.set(key, trusted);
    }
    return trusted;
  }

  /** What this command has signed is remembered. */
  async #settle(): Promise<void> {
    for (const opening of this.#opened.values()) {
      const opened = await opening.catch(() => undefined);
      await opened?.signing[Symbol.asyncDispose]();
    }
  }

  /** Remembers the checkpoints over what this command has changed. Throws `untrusted` only. */
  async #checkChanges(): Promise<void> {
    for (const trusting of this.#trusted.values()) {
      const trusted = await trusting.catch(() => undefined);
      if (trusted?.session.hasChanged !== true) continue;
      try {
        await trustAgain(trusted, { signal: AbortSignal.timeout(LIMITS.lastCheckpointMs) });
      } catch (error) {
        // Who cannot be asked now is asked by the next command.
        if (isGdpfsError(error, 'untrusted')) throw error;
      }
    }
  }
}

function trustKey({ name }: Profile, volume: string): string {
  return `${name}/${volume}`;
}

export interface ServersOptions extends FlowOptions {
  /** Of paths that name none; `homeProfile` if absent, or the current one. */
  readonly profile?: string;
  /** Where logins are kept; `homeDirectory` if absent. */
  readonly home?: string;
}

/** The servers that this user has logged in to. Nothing is read or opened before a path needs it. */
export function openServers({ profile, home, ...flow }: ServersOptions = {}): Servers {
  const { env } = process;
  return new Servers(openHome(home ?? homeDirectory(env), homeProfile(env)), profile, flow);
}

/** A volume, which commands that are about volumes alone may call by its alias. Throws `usage`. */
export function requireVolume(text: string): RemotePath {
  const remote = requireRemote(isAlias(text) ? `gdp://${text}` : text);
  if (remote.path === '' && remote.at === undefined) return remote;
  throw new GdpfsError(
    'usage',
    `cannot use ${JSON.stringify(text)}: need a volume, "gdp://VOLUME"`,
  );
}

/** A path of which there is no past. Throws `usage` for one that says which state it means. */
export function requireNow(text: string): RemotePath {
  const remote = requireRemote(text);
  if (remote.at === undefined) return remote;
  const { at, ...now } = remote;
  const need = JSON.stringify(formatRemotePath(now));
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)} with "@${at}": need ${need}`);
}

/** Throws `usage` for a local path. */
export function requireRemote(text: string): RemotePath {
  const remote = parseRemotePath(text);
  if (remote !== undefined) return remote;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need "gdp://VOLUME/PATH"`);
}
