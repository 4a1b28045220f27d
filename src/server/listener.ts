import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { encodeProblem } from '../wire/problem.ts';
import type { CertificateAuthority } from './ca.ts';
import type { ListenerCounts } from './metrics/listener-counts.ts';
import { PromptRequest } from './prompt-request.ts';
import { RequestTurns } from './request-turns.ts';
import type { TlsIdentity } from './tls-identity.ts';

export interface ListenerOptions {
  readonly identity: TlsIdentity;
  /** Whose client certificates are asked for. PEM. */
  readonly clientCaPems: readonly string[];
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly counts: ListenerCounts;
}

/** Bytes that a connection buffers in either direction before the other side is held up. */
const SOCKET_BUFFER_BYTES = 256 * 1024;

/**
 * The HTTPS server with its limits. Asks every client for a certificate but lets all connect: what
 * a request needs is decided for each request.
 */
export function createListener(options: ListenerOptions): Server {
  const { identity, clientCaPems, onRequest, counts } = options;
  const server = createServer({
    IncomingMessage: PromptRequest,
    key: identity.key,
    cert: identity.cert,
    ca: [...clientCaPems],
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    maxHeaderSize: LIMITS.requestHeaderBytesMax,
    handshakeTimeout: LIMITS.headersTimeoutMs,
    headersTimeout: LIMITS.headersTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    // Uploads may be long; a stalled one is cut by the socket's time-out below.
    requestTimeout: 0,
    highWaterMark: SOCKET_BUFFER_BYTES,
    noDelay: true,
    // Node would answer without a body; `dispatch` looks for it.
    requireHostHeader: false,
  });
  server.maxConnections = LIMITS.connectionsMax;
  const turns = new RequestTurns();
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    // A closed server's kept-alive connections are of no more use once their request is answered.
    response.once('close', () => {
      if (!server.listening) server.closeIdleConnections();
    });
    turns.take(request, response, () => {
      cutWhenStalled(request, response);
      void onRequest(request, response);
    });
  };
  server.on('request', take);
  // What is expected and unknown is refused where all is, in a problem document.
  server.on('checkExpectation', take);
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    // A handshake that failed comes here, too.
    if (error.code?.startsWith('HPE_') === true) counts.malformed += 1;
    answerMalformed(error, socket);
  });
  countConnections(server, counts);
  counts.certificateExpiresMs = identity.expiresMs;
  return server;
}

function countConnections(server: Server, counts: ListenerCounts): void {
  server.on('connection', (socket: Duplex) => {
    counts.opened();
    socket.once('close', () => counts.closed());
  });
  server.on('drop', () => {
    counts.refused += 1;
  });
  server.on('tlsClientError', () => {
    counts.tlsFailures += 1;
  });
}

/** Gives new connections the certificate that is good now; open ones go on as they are. */
export async function refreshCertificate(
  server: Server,
  { clientCaPems, serverIdentity }: Pick<CertificateAuthority, 'clientCaPems' | 'serverIdentity'>,
  counts: ListenerCounts,
): Promise<void> {
  const { key, cert, expiresMs } = await serverIdentity();
  server.setSecureContext({ key, cert, ca: [...clientCaPems], minVersion: 'TLSv1.3' });
  counts.certificateExpiresMs = expiresMs;
}

/** Cuts a request whose client neither sends nor takes anything. Work on our side is no stall. */
function cutWhenStalled(request: IncomingMessage, response: ServerResponse): void {
  request.socket.setTimeout(LIMITS.requestStallMs);
  // With this listener, Node leaves it to us what to do about a silent connection.
  response.on('timeout', () => {
    const waitsForBody = !request.complete && !request.isPaused();
    const waitsForReader = response.writableNeedDrain || response.writableEnded;
    if (waitsForBody || waitsForReader) request.socket.destroy();
  });
}

/** Not HTTP, or its head is too large: Node has no request object for it. */
function answerMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const state = isTooLarge
    ? `its head is too long, need at most ${LIMITS.requestHeaderBytesMax} bytes`
    : 'it is not well-formed HTTP/1.1';
  const body = JSON.stringify(
    encodeProblem(new GdpfsError('bad_request', `cannot read the request: ${state}`)),
  );
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${MEDIA_TYPES.problem}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
