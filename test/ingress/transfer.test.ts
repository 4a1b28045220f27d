/** Large bodies through real proxies: streamed, and going on after either of the two was killed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { LIMITS } from '../../src/base/limits.ts';
import { type CliResult, runCli } from '../support/cli.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import type { HttpClient } from '../support/http-client.ts';
import {
  type Ingress,
  INGRESS_KINDS,
  ingressMissing,
  startIngress,
  trustedAs,
} from '../support/ingress.ts';
import { Random } from '../support/random.ts';
import {
  enrol,
  type ServerProcess,
  startServerAlone,
  temporaryDirectory,
} from '../support/server.ts';
import { IN_FLIGHT_BYTES } from '../support/transfer-lab.ts';

const MIB = 1024 * 1024;
const SIZE = 96 * MIB;
/** What a proxy may take for a body that it passes on: far less than that has. */
const PROXY_MEMORY_MAX = 48 * MIB;
const STORAGE = '/api/v1/storage/files';
const content = new Random(11).bytes(SIZE);

for (const kind of INGRESS_KINDS) {
  describe(`a transfer through ${kind}`, { skip: ingressMissing(kind) }, () => {
    let stack: AsyncDisposableStack;
    let folder: string;
    let home: string;
    let server: ServerProcess;
    let ingress: Ingress;
    /** In front of the proxy: it sees when so many bytes have crossed. */
    let wire: FaultProxy;
    let admin: HttpClient;

    before(async () => {
      stack = new AsyncDisposableStack();
      folder = stack.use(await temporaryDirectory()).path;
      home = join(folder, 'home');
      await startServer();
      const dataDirectory = join(folder, 'data');
      ingress = stack.use(await startIngress({ kind, dataDirectory, serverUrl: server.url }));
      wire = stack.use(await FaultProxy.start(ingress.url));
      admin = stack.use(await enrol({ url: ingress.url, ca: server.ca }, server.adminToken ?? ''));
      const invited = await admin.send('POST', '/api/v1/admin/invitations', {
        json: { principal: 'alice' },
      });
      await succeeds(['login', wire.url, (invited.json as { token: string }).token]);
      await writeFile(join(folder, 'content'), content);
    });
    beforeEach(() => wire.clear());
    after(async () => {
      await server[Symbol.asyncDispose]();
      await stack.disposeAsync();
    });

    /** Once more at the same address, on the same data. */
    async function startServer(): Promise<void> {
      const listen = server === undefined ? [] : ['--listen', new URL(server.url).host];
      const options = ['--trusted-proxy', trustedAs(kind), ...listen];
      server = await startServerAlone(join(folder, 'data'), options);
    }

    async function succeeds(args: readonly string[]): Promise<CliResult> {
      const result = await runCli(args, { home });
      assert.equal(result.code, 0, `gdpfs ${args.join(' ')}\n${result.stderr}`);
      return result;
    }

    /** Runs the command; whenever one of these numbers of bytes has crossed, `event` happens. */
    async function disturbed(
      args: readonly string[],
      direction: 'up' | 'down',
      event: () => Promise<void>,
    ): Promise<number> {
      const happened = wire.happened;
      for (const at of [16 * MIB, 48 * MIB]) {
        wire.inject({ direction, at, kind: 'run', action: event });
      }
      const { stdout } = await succeeds([...args, '--json']);
      assert.equal(wire.happened - happened, 2);
      const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary;
      return summary.bytesSent;
    }

    it('streams bodies of any size both ways, with little memory and no files', async () => {
      const path = '/alice/whole';
      const before = ingress.peakMemoryBytes();
      const sent = await admin.send('POST', STORAGE, { query: { path }, body: piecesOf(content) });
      assert.equal(sent.status, 201, sent.text);
      const got = await readSlowly(admin, path);
      assert(got.equals(content));
      assert.deepEqual(ingress.spooled(), []);
      const taken = ingress.peakMemoryBytes() - before;
      assert(before > 0 && taken < PROXY_MEMORY_MAX, `${kind} took ${taken} bytes`);
    });

    it('an upload goes on when the proxy is killed and started again', async () => {
      const sent = await disturbed(
        ['cp', join(folder, 'content'), 'gdp://alice/up'],
        'up',
        restartProxy,
      );
      assert(sent <= SIZE + 2 * IN_FLIGHT_BYTES, `${sent} bytes were sent`);
      const { stdout } = await succeeds(['cp', '-f', 'gdp://alice/up', join(folder, 'up')]);
      assert.equal(stdout, '');
      assert((await readFile(join(folder, 'up'))).equals(content));
    });

    it('a download goes on when the proxy is killed and started again', async () => {
      const target = join(folder, 'down');
      const sent = await disturbed(['cp', 'gdp://alice/up', target], 'down', restartProxy);
      assert(sent <= SIZE + 2 * IN_FLIGHT_BYTES, `${sent} bytes came`);
      assert((await readFile(target)).equals(content));
    });

    it('an upload goes on when the server behind the proxy is killed and started again', async () => {
      const source = join(folder, 'other');
      const other = new Random(12).bytes(SIZE);
      await writeFile(source, other);
      const sent = await disturbed(['cp', source, 'gdp://alice/other'], 'up', async () => {
        await server.kill();
        await startServer();
      });
      assert(sent <= SIZE + 2 * IN_FLIGHT_BYTES, `${sent} bytes were sent`);
      await succeeds(['cp', 'gdp://alice/other', join(folder, 'back')]);
      assert((await readFile(join(folder, 'back'))).equals(other));
    });

    async function restartProxy(): Promise<void> {
      await ingress.kill();
      await ingress.start();
    }
  });
}

interface Summary {
  readonly bytesSent: number;
}

/** A body whose length nobody says in advance. */
async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += MIB) yield bytes.subarray(start, start + MIB);
}

/** The file by one request, whose answer is not taken as fast as it could come. */
async function readSlowly({ options }: HttpClient, path: string): Promise<Buffer> {
  const { hostname: host, port } = new URL(options.url);
  const { ca, key, certificate: cert } = options;
  const socket = connect({ host, port: Number(port), ca, key, cert });
  const target = `${STORAGE}?path=${encodeURIComponent(path)}`;
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const pieces: Buffer[] = [];
  let pauses = 0;
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    if (pauses === 3) return;
    pauses += 1;
    socket.pause();
    // Long enough for all of it to come, if somebody on the way keeps it.
    void delay(500).then(() => socket.resume());
  });
  await once(socket, 'end');
  const answer = Buffer.concat(pieces);
  assert.match(
    answer.subarray(0, LIMITS.requestHeaderBytesMax).toString('latin1'),
    /^HTTP\/1.1 200/,
  );
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
}
