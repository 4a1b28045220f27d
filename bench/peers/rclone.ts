/** rclone, to its own WebDAV server over TLS and to sshd. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Direction } from '../contender.ts';
import { makeCertificate } from './certificate.ts';
import type { HttpsPeer } from './nginx.ts';
import { freePort, type PeerPlace, startPeerServer } from './peer-server.ts';
import { needProgram } from './programs.ts';
import type { SshServer } from './ssh.ts';

/** Small files at a time; with its default of 4 it is slower. */
const TRANSFERS = '16';

/** Throws `MissingPeer`. */
export async function startRcloneWebdav(place: PeerPlace): Promise<HttpsPeer> {
  const program = needProgram('rclone');
  const { folder, link } = place;
  const store = join(folder, 'store');
  mkdirSync(store);
  const port = await freePort();
  const { certificate, key } = makeCertificate(folder, link.host);
  const serve = [program, 'serve', 'webdav', store, '--config', '', '--vfs-cache-mode', 'off'];
  const listen = ['--addr', `${link.host}:${port}`, '--cert', certificate, '--key', key];
  const argv = [...serve, ...listen];
  const server = await startPeerServer(argv, { port, logPath: join(folder, 'rclone.log'), place });
  const url = `https://${server.address.host}:${server.address.port}`;
  const remote = (name: string): string => `:webdav:${name}`;
  const contender: Contender = {
    name: 'rclone, webdav',
    kinds: ['file', 'tree'],
    serverPid: server.pid,
    folder: store,
    ...copiesWith(program, remote, ['--webdav-url', url, '--ca-cert', certificate]),
  };
  return { contender, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export function rcloneSftp(server: SshServer): Contender {
  const { host, port, user, keyPath, knownHostsPath, store } = server;
  const remote = (name: string): string => `:sftp:${join(store, name)}`;
  const peer = ['--sftp-host', host, '--sftp-port', String(port), '--sftp-user', user];
  const keys = ['--sftp-key-file', keyPath, '--sftp-known-hosts-file', knownHostsPath];
  return {
    name: 'rclone, sftp',
    kinds: ['file'],
    serverPid: server.pid,
    folder: store,
    ...copiesWith(needProgram('rclone'), remote, [...peer, ...keys]),
  };
}

function copiesWith(
  program: string,
  remote: (name: string) => string,
  options: readonly string[],
): Pick<Contender, Direction> {
  const verbs = { file: 'copyto', tree: 'copy' };
  const argv = [program, '--config', '', '--transfers', TRANSFERS, '--checkers', TRANSFERS];
  return {
    up: ({ kind, name, path }) => {
      return { argv: [...argv, ...options, verbs[kind], path, remote(name)] };
    },
    down: ({ kind, name, path }) => {
      return { argv: [...argv, ...options, verbs[kind], remote(name), path] };
    },
  };
}
