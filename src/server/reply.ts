import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { encodeProblem } from '../wire/problem.ts';
import type { Exchange } from './exchange.ts';

type Channel = Pick<Exchange, 'request' | 'response'>;

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
  response.end(body);
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
 * Writes `piece` to the answer; resolves when more may follow. Throws `unavailable` if the client
 * went away.
 */
export async function writePiece(
  response: ServerResponse,
  piece: Uint8Array,
  onWritten: () => void = () => undefined,
): Promise<void> {
  if (response.destroyed || response.closed) throw clientGone();
  const hasRoom = response.write(piece, (error) => {
    if (error === undefined || error === null) onWritten();
  });
  if (hasRoom) return;
  await new Promise<void>((resolve, reject) => {
    const onDrain = (): void => {
      response.off('close', onClose);
      resolve();
    };
    const onClose = (): void => {
      response.off('drain', onDrain);
      reject(clientGone());
    };
    response.once('drain', onDrain).once('close', onClose);
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
  response.writeHead(problem.status, {
    'Content-Type': MEDIA_TYPES.problem,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(typeof allow === 'string' ? { Allow: allow } : {}),
    ...(typeof contentRange === 'string' ? { 'Content-Range': contentRange } : {}),
    ...(problem.code === 'busy' ? { 'Retry-After': '1' } : {}),
    ...(request.complete ? {} : { Connection: 'close' }),
  });
  response.write(body);
  if (!request.complete) await drain(request);
  response.end();
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

function clientGone(): GdpfsError {
  return new GdpfsError('unavailable', 'cannot send the answer: the client went away');
}
