import { GdpfsError } from '../base/errors.ts';
import {
  formatApiPath,
  formatRemotePath,
  isAlias,
  parseRemotePath,
  type RemotePath,
} from '../format/path.ts';
import type { FlowOptions } from './flow/flow-options.ts';
import type { Home, Profile } from './home.ts';
import { openSession, type Session } from './session.ts';
import { getVolume } from './volumes.ts';

/** A path in a volume, and the session that reaches it. */
export interface RemoteFile {
  readonly session: Session;
  readonly remote: RemotePath;
  /** `/<volume>/<path>`. */
  readonly apiPath: string;
  /** As the user would write it. */
  readonly text: string;
}

/**
 * The servers that one command or program talks to: one session for each profile, opened when a path needs it.
 * Before the first use of an alias it makes sure that the alias still means the volume it meant
 * before.
 */
export class Servers implements AsyncDisposable {
  readonly #home: Home;
  /** The profile of paths that name none. */
  readonly #profileName: string | undefined;
  readonly #flow: FlowOptions;
  readonly #opened = new Map<string | undefined, Promise<{ profile: Profile; session: Session }>>();
  readonly #checked = new Map<string, Promise<void>>();

  constructor(home: Home, profileName: string | undefined, flow: FlowOptions = {}) {
    this.#home = home;
    this.#profileName = profileName;
    this.#flow = flow;
  }

  /** The session of a profile: the one named, or that of the command. */
  async session(profileName = this.#profileName): Promise<Session> {
    return (await this.#open(profileName)).session;
  }

  async locate(remote: RemotePath): Promise<RemoteFile> {
    const { profile, session } = await this.#open(remote.profile ?? this.#profileName);
    if (isAlias(remote.volume)) await this.#checkOnce(profile, session, remote.volume);
    return { session, remote, apiPath: formatApiPath(remote), text: formatRemotePath(remote) };
  }

  /** Throws `usage` for a local path. */
  async locateText(text: string): Promise<RemoteFile> {
    return await this.locate(requireRemote(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#opened.values()) {
      // One that did not open has said so to whoever asked for it.
      const opened = await opening.catch(() => undefined);
      await opened?.session[Symbol.asyncDispose]();
    }
  }

  #open(profileName: string | undefined): Promise<{ profile: Profile; session: Session }> {
    let opened = this.#opened.get(profileName);
    if (opened === undefined) {
      opened = this.#home.profile(profileName).then((profile) => {
        const credentials = this.#home.credentials(profile);
        return { profile, session: openSession({ ...profile, ...this.#flow, credentials }) };
      });
      this.#opened.set(profileName, opened);
    }
    return opened;
  }

  #checkOnce(profile: Profile, session: Session, alias: string): Promise<void> {
    const key = `${profile.name}/${alias}`;
    let checked = this.#checked.get(key);
    if (checked === undefined) {
      checked = getVolume(session, alias).then(({ name }) =>
        this.#home.rememberVolume(profile, { alias, name }),
      );
      this.#checked.set(key, checked);
    }
    return checked;
  }
}

/** Throws `usage` for a local path. */
function requireRemote(text: string): RemotePath {
  const remote = parseRemotePath(text);
  if (remote !== undefined) return remote;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need "gdp://VOLUME/PATH"`);
}
