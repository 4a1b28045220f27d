/** curl and nginx over TLS 1.3: how fast bytes move if nobody checks them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from '../contender.ts';
import { makeCertificate } from './certificate.ts';
import { freePort, type PeerPlace, type PeerServer, startPeerServer } from './peer-server.ts';
import { needProgram } from './programs.ts';

export interface HttpsPeer extends AsyncDisposable {
  readonly contender: Contender;
}

/** Throws `MissingPeer`. */
export async function startNginx(place: PeerPlace): Promise<HttpsPeer> {
  const program = needProgram('nginx');
  const curl = needProgram('curl');
  const { folder, link } = place;
  const store = join(folder, 'store');
  mkdirSync(store);
  const port = await freePort();
  const { certificate, key } = makeCertificate(folder, link.host);
  const configuration = join(folder, 'nginx.conf');
  writeFileSync(
    configuration,
    configurationOf({ folder, store, host: link.host, port, certificate, key }),
  );
  const logPath = join(folder, 'nginx.log');
  const argv = [program, '-p', folder, '-e', logPath, '-c', configuration];
  const server: PeerServer = await startPeerServer(argv, { port, logPath, place });
  const { address } = server;
  const url = (name: string): string => `https://${address.host}:${address.port}/${name}`;
  const client = [curl, '--silent', '--show-error', '--fail', '--cacert', certificate];
  const contender: Contender = {
    name: 'curl, nginx',
    kinds: ['file'],
    serverPid: server.pid,
    folder: store,
    up: ({ name, path }) => ({ argv: [...client, '--upload-file', path, url(name)] }),
    down: ({ name, path }) => ({ argv: [...client, '--output', path, url(name)] }),
  };
  return { contender, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function configurationOf(server: {
  readonly folder: string;
  readonly store: string;
  readonly host: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
}): string {
  const { folder, store } = server;
  // As root its workers would else be somebody who may not see the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
${user}
daemon off;
pid ${join(folder, 'nginx.pid')};
worker_processes auto;
events {}
http {
  access_log off;
  sendfile on;
  ${temporary.map((name) => `${name}_temp_path ${join(folder, `temp-${name}`)};`).join('\n  ')}
  server {
    listen ${server.host}:${server.port} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate ${server.certificate};
    ssl_certificate_key ${server.key};
    root ${store};
    dav_methods PUT;
    client_max_body_size 0;
  }
}
`;
}
