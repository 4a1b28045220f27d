/**
 * Real proxies in front of the real server: nginx, HAProxy and Envoy, each with the configuration that
 * `deploy/` has, changed in nothing but addresses and paths.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { portIsFree, reservePort } from './ports.ts';
import { PROGRAM } from './program.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
/** Long enough for a loaded machine; nothing waits for it to pass. */
const START_TIMEOUT_MS = 30_000;

export type IngressKind = 'nginx' | 'haproxy' | 'envoy';

export const INGRESS_KINDS: readonly IngressKind[] = ['nginx', 'haproxy', 'envoy'];

/** Which form of forwarded certificates each configuration uses. */
const FORMS = { nginx: 'nginx', haproxy: 'rfc9440', envoy: 'xfcc' } as const;
/** The name of the proxy in its certificate. */
const NAME = 'edge';

/** What `--trusted-proxy` needs to say. */
export function trustedAs(kind: IngressKind): string {
  return `${NAME}=${FORMS[kind]}`;
}

/** Why tests with this proxy cannot run here; false if they can. */
export function ingressMissing(kind: IngressKind): string | false {
  return spawnSync(kind, [kind === 'envoy' ? '--version' : '-v']).status === 0
    ? false
    : `${kind} is not installed`;
}

interface IngressOptions {
  readonly kind: IngressKind;
  /** For everything that it writes. Made if missing. */
  readonly directory: string;
  /** URL of the server behind it. */
  readonly serverUrl: string;
  /** Files of `gdpfs admin proxy`. */
  readonly bundle: string;
  /** nginx: more of the http block, before the server of gdpfs. `PORT` in it is the port of that. */
  readonly more?: string;
}

/** A proxy in a process group of its own, always at the same address. */
export class Ingress implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly kind: IngressKind;
  readonly directory: string;
  readonly #command: readonly [string, ...string[]];
  #child: ChildProcess | undefined;

  private constructor(options: IngressOptions, port: number) {
    this.kind = options.kind;
    this.directory = options.directory;
    this.port = port;
    this.url = `https://localhost:${port}`;
    mkdirSync(this.directory, { recursive: true });
    // The workers of nginx run as somebody else where the tests run as root.
    chmodSync(this.directory, 0o755);
    this.#command = this.#commandOf(options);
  }

  static async start(options: IngressOptions): Promise<Ingress> {
    const ingress = new Ingress(options, await reservePort());
    await ingress.start();
    return ingress;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const [program, ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.#child = child;
    process.on('exit', this.#signal);
    let log = '';
    child.stderr.on('data', (piece: Buffer) => {
      log = (log + piece.toString()).slice(-10_000);
    });
    const endMs = Date.now() + START_TIMEOUT_MS;
    while (!(await accepts(this.port))) {
      assert(child.exitCode === null && Date.now() < endMs, `${this.kind} did not start: ${log}`);
      await delay(20);
    }
  }

  /** SIGKILL to all of its processes, now. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const ended = child.signalCode === null ? once(child, 'exit') : undefined;
    this.#signal();
    await ended;
    process.off('exit', this.#signal);
    this.#child = undefined;
    // Its workers end when they get to it.
    await portIsFree(this.port);
  }

  /** Also when the tests end without having come to that. */
  readonly #signal = (): void => {
    const group = this.#child?.pid;
    if (group !== undefined) process.kill(-group, 'SIGKILL');
  };

  /** Largest resident memory that any of its processes has had, in bytes. */
  peakMemoryBytes(): number {
    const group = this.#child?.pid;
    assert(group !== undefined);
    const pids = execFileSync('ps', ['-o', 'pid=', '--ppid', String(group), '-p', String(group)]);
    const peaks = pids
      .toString()
      .trim()
      .split(/\s+/)
      .map((pid) => /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')))
      .map((match) => Number(match?.[1] ?? 0) * 1024);
    return Math.max(...peaks);
  }

  /** Files in which it has put bodies. A folder that one was in is newer than it was at the start. */
  spooled(): string[] {
    if (this.kind !== 'nginx') return [];
    return readdirSync(join(this.directory, 'temp'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.parentPath !== join(this.directory, 'temp'))
      .map(({ name }) => name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #commandOf(options: IngressOptions): readonly [string, ...string[]] {
    switch (options.kind) {
      case 'nginx': {
        const path = this.#write('nginx.conf', nginxConfig(options, this.port));
        return ['nginx', '-e', 'stderr', '-c', path];
      }
      case 'haproxy':
        return [
          'haproxy',
          '-W',
          '-f',
          this.#write('haproxy.cfg', haproxyConfig(options, this.port)),
        ];
      case 'envoy': {
        const path = this.#write('envoy.yaml', envoyConfig(options, this.port));
        const quiet = ['--log-level', 'warning', '--disable-hot-restart'];
        return ['envoy', '-c', path, '--concurrency', '2', ...quiet];
      }
    }
  }

  #write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }
}

export interface IngressStart extends Pick<IngressOptions, 'kind' | 'serverUrl' | 'more'> {
  /** The server's. The proxy's files get folders beside it. */
  readonly dataDirectory: string;
}

/** A proxy in front of a server that runs, with certificates as `gdpfs admin proxy` makes them. */
export async function startIngress({ dataDirectory, ...options }: IngressStart): Promise<Ingress> {
  const bundle = bundleOf(dataDirectory);
  const made = spawnSync(
    process.execPath,
    [PROGRAM, 'admin', 'proxy', NAME, '--data', dataDirectory, '--out', bundle],
    { encoding: 'utf8' },
  );
  assert.equal(made.status, 0, made.stderr);
  return await Ingress.start({ ...options, bundle, directory: `${dataDirectory}-${options.kind}` });
}

/** Where `startIngress` puts what `gdpfs admin proxy` makes. */
export function bundleOf(dataDirectory: string): string {
  return `${dataDirectory}-bundle`;
}

/** What `deploy/` says, at other addresses. Every replacement must have something to replace. */
function substitute(text: string, replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((result, [from, to]) => {
    assert(result.includes(from), `the configuration has ${from}`);
    return result.replaceAll(from, to);
  }, text);
}

function nginxConfig({ directory, serverUrl, bundle, more = '' }: IngressOptions, port: number) {
  const server = substitute(readFileSync(join(DEPLOY, 'nginx/gdpfs.conf'), 'utf8'), [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['server_name gdpfs.example.org', 'server_name localhost'],
    ['server 127.0.0.1:7443', `server ${new URL(serverUrl).host}`],
    ['/etc/gdpfs/proxy/', `${bundle}/`],
  ]);
  const temp = join(directory, 'temp');
  mkdirSync(temp, { recursive: true, mode: 0o777 });
  chmodSync(temp, 0o777);
  return `daemon off;
worker_processes 2;
pid ${directory}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${temp}/body;
  proxy_temp_path ${temp}/proxy;
  fastcgi_temp_path ${temp}/fastcgi;
  uwsgi_temp_path ${temp}/uwsgi;
  scgi_temp_path ${temp}/scgi;
  ${more.replaceAll('PORT', String(port))}
  ${server}
}
`;
}

function haproxyConfig({ serverUrl, bundle }: IngressOptions, port: number): string {
  return substitute(readFileSync(join(DEPLOY, 'haproxy/haproxy.cfg'), 'utf8'), [
    ['bind :443', `bind 127.0.0.1:${port}`],
    ['127.0.0.1:7443', new URL(serverUrl).host],
    ['/etc/gdpfs/proxy/', `${bundle}/`],
  ]);
}

function envoyConfig({ serverUrl, bundle }: IngressOptions, port: number): string {
  const server = new URL(serverUrl);
  return substitute(readFileSync(join(DEPLOY, 'envoy/envoy.yaml'), 'utf8'), [
    ['address: 0.0.0.0, port_value: 443 ', `address: 127.0.0.1, port_value: ${port} `],
    ['port_value: 7443', `port_value: ${server.port}`],
    ['/etc/gdpfs/proxy/', `${bundle}/`],
  ]);
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = { host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false };
  const socket = connect(options, () => resolve(true));
  socket.on('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
