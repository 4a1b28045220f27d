import { once } from 'node:events';
import { Command } from 'commander';
import { pino } from 'pino';
import { systemClock } from '../../base/clock.ts';
import { GdpfsError } from '../../base/errors.ts';
import { loadClientAuthority } from '../../server/client-authority.ts';
import { type RunningServer, startServer } from '../../server/server.ts';
import { parseTrustedProxies } from '../../server/trusted-proxy.ts';
import type { Context } from '../context.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder } from '../data-folder.ts';
import { parseDuration } from '../duration.ts';
import { readVersion } from '../version.ts';

const CLIENT_SAN_DEFAULT = 'gdpfs://principal/';
/** As `LIMITS.gcEveryMs`. */
const GC_EVERY_DEFAULT = '1d';
const LISTEN_DEFAULT = '127.0.0.1:7443';
/** Addresses that mean all addresses: nobody can connect to them. */
const UNSPECIFIED_HOSTS = ['0.0.0.0', '::'];
/** File descriptor of standard error. */
const STDERR = 2;

interface ServeOptions {
  readonly data: string;
  readonly listen: string;
  readonly name?: readonly string[];
  readonly trustedProxy?: readonly string[];
  readonly clientCa?: string;
  readonly clientSan: string;
  readonly gcEvery: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

export function serveCommand(context: Context): Command {
  return new Command('serve')
    .description(
      'Run a server with its store in one folder. When it is ready it prints one line: the URL, the ' +
        'file of its CA certificate, and until somebody has logged in a token for the first admin. ' +
        'Its log goes to standard error. SIGTERM or SIGINT end it in order.',
    )
    .option(
      '--data <folder>',
      'everything that the server keeps',
      parseDataFolder,
      DATA_FOLDER_DEFAULT,
    )
    .option('--listen <host:port>', 'where to listen; port 0 picks one', LISTEN_DEFAULT)
    .option('--name <name...>', 'DNS names and IP addresses that clients reach it by')
    .option(
      '--trusted-proxy <name=form...>',
      'proxies that forward the certificates of their clients, and how: nginx, rfc9440 or xfcc ' +
        '("gdpfs admin proxy" makes what they need)',
    )
    .option('--client-ca <file>', 'also take client certificates of this authority (PEM)')
    .option(
      '--client-san <prefix>',
      'with --client-ca: what stands before a principal in a URI of the certificate',
      CLIENT_SAN_DEFAULT,
    )
    .option(
      '--gc-every <duration>',
      'how often it frees the space of what is kept no more, such as 12h, or never',
      GC_EVERY_DEFAULT,
    )
    .option('--json', 'the ready line as a JSON object: url, ca, token')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<ServeOptions>();
      const listen = parseListen(options.listen);
      const level = options.debug ? 'debug' : 'info';
      await using server = await startServer({
        dataDirectory: options.data,
        listen,
        names: [...(options.name ?? []), listen.host],
        trustedProxies: parseTrustedProxies(options.trustedProxy ?? []),
        clientAuthority:
          options.clientCa === undefined
            ? undefined
            : await loadClientAuthority(options.clientCa, options.clientSan),
        logger: pino({ level }, pino.destination({ dest: STDERR, sync: true })),
        clock: systemClock,
        version: readVersion(),
        gcEveryMs: options.gcEvery === 'never' ? 'never' : parseDuration(options.gcEvery),
        signal: context.signal,
      });
      await context.stdout.write(`${readyLine(server, listen.host, options)}\n`);
      if (!context.signal.aborted) await once(context.signal, 'abort');
    });
}

function readyLine(server: RunningServer, host: string, { name, json }: ServeOptions): string {
  const url = new URL(server.url);
  if (UNSPECIFIED_HOSTS.includes(host)) url.hostname = name?.[0] ?? 'localhost';
  const token = server.adminToken;
  const ready = { url: url.origin, ca: server.caFile, ...(token === undefined ? {} : { token }) };
  if (json) return JSON.stringify(ready);
  const login = token === undefined ? '' : `, first admin: gdpfs login ${ready.url} ${token}`;
  return `ready at ${ready.url}, CA certificate ${ready.ca}${login}`;
}

/** `HOST:PORT`, an IPv6 address in brackets. Throws `usage`. */
function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits = ''] =
    /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new GdpfsError('usage', `cannot listen on ${JSON.stringify(text)}: need HOST:PORT`);
}
