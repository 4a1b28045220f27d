import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { encodeProblem } from '../wire/problem.ts';
import type { Exchange } from './exchange.ts';

type Channel = Pick<Exchange, 'request' | 'response'>;

/** Worth a write of its own. */
export const LONG_BODY_BYTES: number = 64 * 1024;

interface Head {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
}

/** The whole answer at once. Answers depend on the caller's certificate: nobody may keep them. */
export function reply(
  { response }: Pick<Channel, 'response'>,
  { status, headers }: Head,
  body: Uint8Array | string = '',
): void {
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    ...headers,
    ...(status === 304 ? {} : { 'Content-Length': Buffer.byteLength(body) }),
  });
  // A long body is written alone, or it would be copied behind the head.
  if (body.length > LONG_BODY_BYTES) response.flushHeaders();
  response.end(body);
}

/** The same for a body that counts as long as it is in memory: resolves when the system has taken it. */
export async function replyTaken(
  { response }: Pick<Channel, 'response'>,
  { status, headers }: Head,
  body: Uint8Array,
): Promise<void> {
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    ...headers,
    'Content-Length': body.length,
  });
  response.flushHeaders();
  if (body.length > 0) await writePiece(response, body);
  response.end();
}

/** Makes and sends an answer of so many bytes of content once there is room for it in memory. */
export async function withAnswerRoom(
  { caller, services: { answerRoom } }: Pick<Exchange, 'caller' | 'services'>,
  bytes: number,
  send: () => Promise<void>,
): Promise<void> {
  await answerRoom.with(caller?.principal ?? '', bytes, send);
}

/** An answer that is made in one go. */
export interface MadeAnswer extends Head {
  readonly body: Uint8Array;
}

/**
 * Makes and sends an answer that may be long once there is room for what such a one mostly takes. It counts
 * as what it is until the system has taken it.
 */
export async function replyLong(
  exchange: Pick<Exchange, 'caller' | 'services' | 'response'>,
  bytes: number,
  make: () => MadeAnswer,
): Promise<void> {
  const { caller, services } = exchange;
  using room = services.answerRoom.forPieces(caller?.principal ?? '');
  await room.acquire(bytes);
  const { body, ...head } = make();
  room.resize(body.length);
  await replyTaken(exchange, head, body);
}

export function replyJson(
  channel: Pick<Channel, 'response'>,
  { status, headers }: Head,
  value: unknown,
): void {
  const head = { status, headers: { 'Content-Type': MEDIA_TYPES.json, ...headers } };
  reply(channel, head, JSON.stringify(value));
}

/**
 * Writes `piece` to the answer; resolves when the system has taken all of it, so that its memory is
 * free and the next piece is not joined to it, which would copy both. Throws `unavailable` if the
 * client went away; then a write of it may still be under way.
 */
export async function writePiece(response: ServerResponse, piece: Uint8Array): Promise<void> {
  if (response.destroyed || response.closed) throw clientGone();
  await new Promise<void>((resolve, reject) => {
    const onClose = (): void => reject(clientGone());
    response.once('close', onClose);
    response.write(piece, (error) => {
      response.off('close', onClose);
      if (error === undefined || error === null) resolve();
      else reject(clientGone());
    });
  });
}

/**
 * Answers with the problem document. If a body is still coming, the client gets the answer and a
 * bounded while to stop sending, then the connection ends: closing at once would reset it, and the
 * client might never see the answer.
 */
export async function replyProblem(channel: Channel, error: GdpfsError): Promise<void> {
  const { request, response } = channel;
  const problem = encodeProblem(error);
  const body = JSON.stringify(problem);
  const { allow, contentRange } = error.details;
  const isComing = hasBody(request) && !request.complete;
  response.writeHead(problem.status, {
    'Content-Type': MEDIA_TYPES.problem,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(typeof allow === 'string' ? { Allow: allow } : {}),
    ...(typeof contentRange === 'string' ? { 'Content-Range': contentRange } : {}),
    ...(problem.code === 'busy' ? { 'Retry-After': '1' } : {}),
    ...(isComing ? { Connection: 'close' } : {}),
  });
  response.write(body);
  if (isComing) await drain(request);
  response.end();
}

/** One without is not complete yet either while its head is being handled. */
function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
  return length !== '0' || encoding !== undefined;
}

/** Reads and drops what comes, until the end or one of the limits. */
async function drain(request: IncomingMessage): Promise<void> {
  let drainedBytes = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LIMITS.drainMs);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on('data', (piece: Buffer) => {
      drainedBytes += piece.length;
      if (drainedBytes > LIMITS.drainBytesMax) stop();
    });
    request.once('end', stop).once('close', stop).once('error', stop);
    request.resume();
  });
}

/** What ends the work for a client that no longer waits for it. */
export function clientGone(): GdpfsError {
  return new GdpfsError('unavailable', 'cannot send the answer: the client went away');
}
