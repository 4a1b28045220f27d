/** One sshd, and what runs over it: scp, rsync, tar. All ciphers are those that OpenSSH picks. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Contender } from '../contender.ts';
import { freePort, type PeerPlace, startPeerServer } from './peer-server.ts';
import { findProgram, MissingPeer, needProgram } from './programs.ts';

/** Without it sshd does not start as root; its package makes it, or the start of its service. */
const SEPARATION_FOLDER = '/run/sshd';

export interface SshServer extends AsyncDisposable {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keyPath: string;
  readonly knownHostsPath: string;
  /** Where files are stored. */
  readonly store: string;
  /** Options of ssh and scp alike. */
  readonly options: readonly string[];
}

/** Runs as the current user, with keys of its own. Throws `MissingPeer`. */
export async function startSshServer(place: PeerPlace): Promise<SshServer> {
  const program = needProgram('sshd');
  if (process.getuid?.() === 0 && !existsSync(SEPARATION_FOLDER)) {
    throw new MissingPeer(`sshd needs ${SEPARATION_FOLDER}; "sudo bench/peers.sh" makes it`);
  }
  const { folder, link } = place;
  const port = await freePort();
  const hostKey = join(folder, 'host-key');
  const keyPath = join(folder, 'user-key');
  for (const path of [hostKey, keyPath]) {
    execFileSync(needProgram('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  }
  const store = join(folder, 'store');
  mkdirSync(store);
  copyFileSync(`${keyPath}.pub`, join(folder, 'authorized-keys'));
  const configuration = join(folder, 'sshd.conf');
  writeFileSync(configuration, configurationOf({ folder, host: link.host, port, hostKey }));
  const argv = [program, '-D', '-e', '-f', configuration];
  const server = await startPeerServer(argv, { port, logPath: join(folder, 'sshd.log'), place });
  const { host, port: clientPort } = server.address;
  const knownHostsPath = join(folder, 'known-hosts');
  const trust = [
    `UserKnownHostsFile=${knownHostsPath}`,
    'StrictHostKeyChecking=accept-new',
    'IdentitiesOnly=yes',
    'BatchMode=yes',
  ];
  const options = ['-F', 'none', '-i', keyPath, ...trust.flatMap((option) => ['-o', option])];
  const user = userInfo().username;
  return { ...server, host, port: clientPort, user, keyPath, knownHostsPath, store, options };
}

function configurationOf(server: {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly hostKey: string;
}): string {
  return `
ListenAddress ${server.host}
Port ${server.port}
HostKey ${server.hostKey}
AuthorizedKeysFile ${join(server.folder, 'authorized-keys')}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PidFile none
Subsystem sftp internal-sftp
`;
}

export function scp(server: SshServer): Contender {
  const { host, port, user, store, options } = server;
  const program = needProgram('scp');
  const remote = (name: string): string => `${user}@${host}:${join(store, name)}`;
  const argv = [program, '-q', '-P', String(port), ...options];
  return {
    name: 'scp',
    kinds: ['file', 'tree'],
    serverPid: server.pid,
    folder: store,
    up: ({ name, path }) => ({ argv: [...argv, '-r', path, remote(name)] }),
    down: ({ name, path }) => ({ argv: [...argv, '-r', remote(name), path] }),
  };
}

export function rsync(server: SshServer): Contender {
  const { host, user, store } = server;
  const program = needProgram('rsync');
  const argv = [program, '-a', '-e', sshCommand(server)];
  const slash = { file: '', tree: '/' };
  const remote = (name: string): string => `${user}@${host}:${join(store, name)}`;
  return {
    name: 'rsync over ssh',
    kinds: ['file', 'tree'],
    serverPid: server.pid,
    folder: store,
    up: ({ kind, name, path }) => ({ argv: [...argv, path + slash[kind], remote(name)] }),
    down: ({ kind, name, path }) => ({ argv: [...argv, remote(name) + slash[kind], path] }),
  };
}

export function tar(server: SshServer): Contender {
  const { host, user, store } = server;
  for (const name of ['tar', 'bash']) needProgram(name);
  const ssh = `${sshCommand(server)} ${user}@${host}`;
  // No path here has a character that a shell would take for something else.
  const pipeline = (script: string): { argv: string[] } => {
    return { argv: [findProgram('bash') ?? '', '-o', 'pipefail', '-c', script] };
  };
  return {
    name: 'tar | ssh',
    kinds: ['tree'],
    serverPid: server.pid,
    folder: store,
    up: ({ name, path }) => {
      const target = join(store, name);
      return pipeline(
        `tar -C ${path} -cf - . | ${ssh} 'mkdir ${target} && tar -C ${target} -xf -'`,
      );
    },
    down: ({ name, path }) => {
      return pipeline(
        `mkdir ${path} && ${ssh} 'tar -C ${join(store, name)} -cf - .' | tar -C ${path} -xf -`,
      );
    },
  };
}

/** Without the address, for programs that start ssh themselves. */
function sshCommand({ port, options }: SshServer): string {
  return [needProgram('ssh'), '-p', String(port), ...options].join(' ');
}
