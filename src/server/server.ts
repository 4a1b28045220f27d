import { once } from 'node:events';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { systemState } from '../base/system-error.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import { type OpenedFileSystem, openFileSystem } from '../fs/open.ts';
import { loadContract } from '../wire/contract.ts';
import { openAuditLog } from './audit-log.ts';
import { BodyRoom } from './body-room.ts';
import { BufferPool } from './buffer-pool.ts';
import { ServerMetrics } from './metrics/server-metrics.ts';
import { PreparedCommits } from './prepared-commits.ts';
import { ReadRooms } from './read-rooms.ts';
import { ByteBudget } from './byte-budget.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import type { ClientAuthority } from './client-authority.ts';
import { dispatch } from './dispatch.ts';
import type { AnswerChange, Services } from './exchange.ts';
import type { TrustedProxies } from './forwarded-certificate.ts';
import { checkHandlers } from './handlers.ts';
import { GcRuns } from './gc-runs.ts';
import { CertificateCache } from './certificate-cache.ts';
import { createInvitation } from './invitations.ts';
import { localEvent } from './local-audit.ts';
import { createListener, refreshCertificate } from './listener.ts';
import { RequestRate } from './request-rate.ts';
import { Slots } from './slots.ts';
import { StagedBytes } from './staged-bytes.ts';

export interface ServerOptions {
  /** Everything the server keeps: `store/` and, apart from it, `keys/`. Made if missing. */
  readonly dataDirectory: string;
  /** Port 0 picks one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** DNS names and IP addresses for the certificate, beside localhost. */
  readonly names: readonly string[];
  /** Proxies that may forward the certificates of their clients. None unless given. */
  readonly trustedProxies?: TrustedProxies;
  /** An authority of somebody else that says who clients are, beside the server's own. */
  readonly clientAuthority?: ClientAuthority | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Of this program. */
  readonly version: string;
  /** An open store instead of the one in `dataDirectory`. The server closes it. */
  readonly store?: OpenedFileSystem;
  /** Milliseconds that a prepared change is waited for before others go first; by default that of LIMITS. */
  readonly turnMs?: number | undefined;
  /** How often space is freed, in milliseconds; `never` unless an admin says so; by default that of LIMITS. */
  readonly gcEveryMs?: number | 'never' | undefined;
  /** Ends the start while it reads the store; `stop` ends what has started. */
  readonly signal?: AbortSignal;
}

/** A server that accepts requests. Dispose of it to shut it down as `stop` does. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  /** Path of the CA certificate that clients may trust. */
  readonly caFile: string;
  /** Invitation for the first admin, as long as nobody has enrolled. */
  readonly adminToken: string | undefined;
  /**
   * Accepts nothing new, lets requests in flight finish for a while, closes the store. Resolves when
   * all is closed; may be called again.
   */
  stop(): Promise<void>;
}

/** The principal of the first admin. */
const FIRST_ADMIN = 'admin';

/** Throws `locked` if another server has the store, `corrupt`, `usage`, `local_io`. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { clock, logger } = options;
  const keysDirectory = join(options.dataDirectory, 'keys');
  const { names, clientAuthority: external } = options;
  const authority = await openCertificateAuthority({
    directory: keysDirectory,
    names,
    clock,
    external,
  });
  // What has been opened is closed again if the start fails, and otherwise by `stop`.
  await using stack = new AsyncDisposableStack();
  const store = stack.use(options.store ?? (await openStore(options, keysDirectory)));
  let isStopping = false;
  const audit = stack.use(
    await openAuditLog({
      directory: join(options.dataDirectory, 'audit'),
      clock,
      warn: (message, error) => logger.error({ err: error }, message),
    }),
  );
  const services = servicesOf(options, { store, authority, audit, isStopping: () => isStopping });
  checkHandlers(services.contract);
  const listener = await listen(options, services);
  stack.defer(() => closeListener(listener));
  stack.use(services.gc);
  stack.use(services.prepared);
  stack.defer(() => store.feed.wakeAll());
  stack.use(services.metrics);
  const watch = watchCertificate(listener, services);
  stack.defer(() => clearInterval(watch));
  const url = urlOf(options.listen.host, listener.address() as AddressInfo);
  logger.info({ url }, 'listening');
  const adminToken = await firstAdminToken(services, authority);
  const opened = stack.move();
  const stop = async (): Promise<void> => {
    isStopping = true;
    await opened.disposeAsync();
    logger.info('stopped');
  };
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => (stopped ??= stop());
  const { caFile } = authority;
  return { url, caFile, adminToken, stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}

function servicesOf(
  options: ServerOptions,
  parts: Pick<Services, 'authority' | 'audit' | 'isStopping'> & {
    readonly store: OpenedFileSystem;
  },
): Services {
  const { clock, logger, dataDirectory, version, trustedProxies = new Map(), turnMs } = options;
  const { gcEveryMs = LIMITS.gcEveryMs } = options;
  const { store, authority, audit, isStopping } = parts;
  const { fs, system, policies, proofs, history, feed, signed, collection } = store;
  const everyMs = gcEveryMs === 'never' ? undefined : gcEveryMs;
  const gc = new GcRuns({ collection, clock, logger, everyMs });
  const state = sharedState(store, turnMs);
  const budgets = {
    bodies: state.bodyRoom.all,
    answers: state.answerRoom.all,
    chunks: state.chunkBudget,
  };
  return {
    fs,
    system,
    policies,
    proofs,
    history,
    feed,
    signed,
    authority,
    trustedProxies,
    forwardedIdentities: new CertificateCache(),
    contract: loadContract(),
    clock,
    logger,
    audit,
    metrics: new ServerMetrics({ store, dataDirectory, version, authority, audit, budgets, gc }),
    gc,
    ...state,
    anonymousRate: new RequestRate(clock, LIMITS.anonymousRequestsPerMinute),
    isStopping,
    hasFailed: () => store.status.hasFailed,
  };
}

/** What requests share of memory and of work. */
function sharedState({ signed }: OpenedFileSystem, turnMs: number | undefined) {
  return {
    bodyRoom: new BodyRoom(),
    answerRoom: new BodyRoom(),
    chunkBudget: new ByteBudget(LIMITS.segmentQueueBytesMax),
    buffers: new BufferPool(),
    readRooms: new ReadRooms(),
    stagedBytes: new StagedBytes(),
    prepared: new PreparedCommits<AnswerChange>(signed, turnMs),
    zipSlots: new Slots('make a zip archive', {
      countMax: LIMITS.zipsAtOnceMax,
      perPrincipalMax: LIMITS.zipsPerPrincipalMax,
    }),
    md5Slots: new Slots('compute an MD5', {
      countMax: LIMITS.md5sAtOnceMax,
      perPrincipalMax: LIMITS.md5sPerPrincipalMax,
    }),
    feedSlots: new Slots('wait for changes', {
      countMax: LIMITS.feedWaitersMax,
      perPrincipalMax: LIMITS.feedWaitersPerPrincipalMax,
    }),
  };
}

async function openStore(
  { dataDirectory, clock, logger, signal }: ServerOptions,
  keysDirectory: string,
): Promise<OpenedFileSystem> {
  return await openFileSystem({
    directory: join(dataDirectory, 'store'),
    keysDirectory,
    clock,
    warn: (message) => logger.warn(message),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function listen(options: ServerOptions, services: Services): Promise<Server> {
  const { authority } = services;
  const listener = createListener({
    identity: await authority.serverIdentity(),
    clientCaPems: authority.clientCaPems,
    onRequest: (request, response) => dispatch(services, request, response),
    counts: services.metrics.listener,
  });
  const { host, port } = options.listen;
  listener.listen(port, host);
  try {
    await once(listener, 'listening');
  } catch (cause) {
    const reason = systemState(cause);
    throw new GdpfsError('local_io', `cannot listen on ${host}:${port}: ${reason}`, { cause });
  }
  return listener;
}

/** Replaces the server's certificate in time, while it runs. */
function watchCertificate(
  listener: Server,
  { authority, logger, metrics }: Pick<Services, 'authority' | 'logger' | 'metrics'>,
): NodeJS.Timeout {
  return setInterval(() => {
    refreshCertificate(listener, authority, metrics.listener).catch((error: unknown) => {
      logger.error({ err: error }, 'cannot renew the certificate of the server');
    });
  }, LIMITS.serverCertificateCheckMs).unref();
}

async function firstAdminToken(
  services: Services,
  authority: CertificateAuthority,
): Promise<string | undefined> {
  const { system, clock, audit } = services;
  if (system.view.hasPrincipals()) return undefined;
  const act = { operation: 'adminToken', targets: [FIRST_ADMIN] } as const;
  audit.changed(localEvent(act), { isDerived: false });
  const init = { principal: FIRST_ADMIN, role: Role.ADMIN };
  const { token } = await createInvitation({ system, authority, clock }, init);
  return token;
}

/** Idle connections end now, busy ones when their request is answered, the rest is cut. */
async function closeListener(listener: Server): Promise<void> {
  const closed = once(listener, 'close');
  listener.close();
  listener.closeIdleConnections();
  const cut = setTimeout(() => listener.closeAllConnections(), LIMITS.shutdownGraceMs);
  await closed;
  clearTimeout(cut);
}

function urlOf(host: string, { port, family }: AddressInfo): string {
  return `https://${family === 'IPv6' && host.includes(':') ? `[${host}]` : host}:${port}`;
}
