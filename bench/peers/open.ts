import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, PeerName } from '../contender.ts';
import type { Link } from '../link.ts';
import type { Report } from '../report.ts';
import { type HttpsPeer, startNginx } from './nginx.ts';
import type { PeerPlace } from './peer-server.ts';
import { MissingPeer } from './programs.ts';
import { rcloneSftp, startRcloneWebdav } from './rclone.ts';
import { rsync, scp, type SshServer, startSshServer, tar } from './ssh.ts';

export interface Peers extends AsyncDisposable {
  readonly contenders: readonly Contender[];
}

export interface PeersOptions {
  readonly names: readonly PeerName[];
  /** Everything of theirs is below it. */
  readonly folder: string;
  readonly link: Link;
  readonly signal: AbortSignal;
  /** Told of those that are missing. */
  readonly report: Report;
}

const OVER_SSH = { scp, 'rsync over ssh': rsync, 'tar | ssh': tar, 'rclone, sftp': rcloneSftp };
const OVER_HTTPS = { 'rclone, webdav': startRcloneWebdav, 'curl, nginx': startNginx };

/** Starts the servers of the peers that are installed. Disposing of it ends them. */
export async function openPeers(options: PeersOptions): Promise<Peers> {
  await using opening = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  let ssh: SshServer | undefined;
  for (const name of options.names) {
    try {
      if (isKeyOf(OVER_SSH, name)) {
        ssh ??= opening.use(await startSshServer(placeOf(options, 'ssh')));
        contenders.push(OVER_SSH[name](ssh));
      } else {
        const start: (place: PeerPlace) => Promise<HttpsPeer> = OVER_HTTPS[name];
        contenders.push(opening.use(await start(placeOf(options, name))).contender);
      }
    } catch (error) {
      if (!(error instanceof MissingPeer)) throw error;
      options.report.skip(name, error.message);
    }
  }
  const opened = opening.move();
  return { contenders, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function placeOf({ folder, link, signal }: PeersOptions, name: string): PeerPlace {
  const own = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(own, { recursive: true });
  return { folder: own, link, signal };
}

function isKeyOf<Key extends string>(
  table: Readonly<Record<Key, unknown>>,
  key: string,
): key is Key {
  return Object.hasOwn(table, key);
}
