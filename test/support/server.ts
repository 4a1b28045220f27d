/** The real server for tests: in this process, or in one of its own that can be killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { OpenedFileSystem } from '../../src/fs/open.ts';
import type { TrustedProxies } from '../../src/server/forwarded-certificate.ts';
import type { ClientAuthority } from '../../src/server/client-authority.ts';
import { startServer } from '../../src/server/server.ts';
import type { Enrollment, Invitation } from '../../src/wire/generated/api.ts';
import { createCertificateRequest, generateKey, privateKeyPem } from '../../src/wire/x509.ts';
import { HttpClient } from './http-client.ts';
import { reservePort } from './ports.ts';
import { COMPILE_CACHE, PROGRAM, PROJECT } from './program.ts';
import { INGRESS_KINDS, startIngress, trustedAs } from './ingress.ts';

/** Long enough for a loaded machine; nothing waits for it to pass. */
const START_TIMEOUT_MS = 120_000;

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly dataDirectory: string;
  /** PEM. */
  readonly ca: string;
  readonly adminToken: string | undefined;
}

/** A server in a child process. Disposing of it ends it the polite way. */
export interface ServerProcess extends TestServer {
  /** SIGKILL, now. */
  kill(): Promise<void>;
}

/** A new empty directory; disposing of it removes it. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
  const remove = async (): Promise<void> => {
    // Tests make directories in which nobody but root may remove anything.
    if (process.getuid?.() !== 0) execFileSync('chmod', ['-R', 'u+rwX', path]);
    await rm(path, { recursive: true, force: true });
  };
  return { path, [Symbol.asyncDispose]: remove };
}

export interface ServerInProcessOptions {
  readonly clock?: Clock;
  /** Collects the server's log lines. */
  readonly logLines?: string[];
  /** An open store, for tests that must reach behind the API. */
  readonly store?: OpenedFileSystem;
  readonly trustedProxies?: TrustedProxies;
  readonly clientAuthority?: ClientAuthority | undefined;
  /** Milliseconds that a prepared change is waited for. */
  readonly turnMs?: number;
}

/** Of tests to which no proxy matters: once is enough. */
export const NO_MATTER_OF_PROXIES = {
  skip: process.env['GDPFS_TEST_INGRESS'] !== undefined && 'no proxy matters to it',
};

/** Starts the real server in this process, where no proxy is in front of it. */
export async function startServerHere(
  dataDirectory: string,
  { clock = systemClock, logLines, ...more }: ServerInProcessOptions = {},
): Promise<TestServer> {
  assert(process.env['GDPFS_TEST_INGRESS'] === undefined, 'these tests are for the proxy');
  const logger =
    logLines === undefined
      ? pino({ level: 'silent' })
      : pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const listen = { host: '127.0.0.1', port: await reservePort() };
  const server = await startServer({
    dataDirectory,
    listen,
    names: [],
    logger,
    clock,
    version: 'test',
    ...more,
  });
  const { url, adminToken } = server;
  const ca = await readFile(server.caFile, 'utf8');
  return { url, dataDirectory, ca, adminToken, [Symbol.asyncDispose]: () => server.stop() };
}

/**
 * Starts `gdpfs serve` in a process of its own. With GDPFS_TEST_INGRESS in the environment there is
 * that proxy in front of it, and `url` is the proxy's.
 */
export async function startServerProcess(dataDirectory: string): Promise<ServerProcess> {
  const kind = INGRESS_KINDS.find((name) => name === process.env['GDPFS_TEST_INGRESS']);
  if (kind === undefined) return await startServerAlone(dataDirectory);
  const server = await startServerAlone(dataDirectory, ['--trusted-proxy', trustedAs(kind)]);
  const ingress = await startIngress({ kind, dataDirectory, serverUrl: server.url });
  return {
    ...server,
    url: ingress.url,
    [Symbol.asyncDispose]: async () => {
      await ingress[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The same with more options, and never with a proxy. */
export async function startServerAlone(
  dataDirectory: string,
  more: readonly string[] = [],
): Promise<ServerProcess> {
  // Where it was, nobody listens when it is gone.
  const listen = ['--listen', `127.0.0.1:${await reservePort()}`];
  const child = spawn(
    process.execPath,
    [PROGRAM, 'serve', '--json', '--data', dataDirectory, ...listen, ...more],
    {
      cwd: PROJECT,
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const line = await firstLine(child).catch((error: unknown) => {
    // Otherwise it would outlive the test, and keep the runner from ending.
    child.kill('SIGKILL');
    throw error;
  });
  const ready = JSON.parse(line) as { url: string; ca: string; token?: string };
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    url: ready.url,
    dataDirectory,
    ca: await readFile(ready.ca, 'utf8'),
    adminToken: ready.token,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}

/** The line that says that the server is ready. Its log is dropped, unless it does not start. */
async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child;
  assert(stdout !== null && stderr !== null);
  let log = '';
  const keepLog = (piece: Buffer): void => {
    log += piece.toString();
  };
  stderr.on('data', keepLog);
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const [line] = await Promise.race([
    once(createInterface({ input: stdout }), 'line', { signal }),
    once(child, 'exit', { signal }).then(([code]) => assert.fail(`it ended with ${code}: ${log}`)),
  ]);
  stderr.off('data', keepLog).resume();
  return String(line);
}

/** A client without certificate. */
export function anonymousClient({ url, ca }: Pick<TestServer, 'url' | 'ca'>): HttpClient {
  return new HttpClient({ url, ca });
}

/** Exchanges a token for a certificate; the client that has it. */
export async function enrol(
  server: Pick<TestServer, 'url' | 'ca'>,
  token: string,
): Promise<HttpClient> {
  const keys = generateKey();
  const csr = await createCertificateRequest(keys);
  await using anonymous = anonymousClient(server);
  const answer = await anonymous.send('POST', '/api/v1/enroll', { json: { token, csr } });
  assert.equal(answer.status, 200, answer.text);
  const { certificate } = answer.json as Enrollment;
  const { url, ca } = server;
  return new HttpClient({ url, ca, key: privateKeyPem(keys.privateKey), certificate });
}

/** A new user, invited by `admin`, with a home volume of that name. */
export async function addUser(
  server: Pick<TestServer, 'url' | 'ca'>,
  admin: HttpClient,
  principal: string,
): Promise<HttpClient> {
  const answer = await admin.send('POST', '/api/v1/admin/invitations', { json: { principal } });
  assert.equal(answer.status, 201, answer.text);
  return await enrol(server, (answer.json as Invitation).token);
}
