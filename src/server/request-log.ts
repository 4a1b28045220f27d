import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { GdpfsError } from '../base/errors.ts';
import type { Services } from './exchange.ts';
import type { Origin } from './origin.ts';

/** One line for each request when its answer is out or cut off. Never tokens, keys or bodies. */
export interface RequestLog {
  readonly id: string;
  operation: string | undefined;
  principal: string | undefined;
  origin: Pick<Origin, 'proxy' | 'address'> | undefined;
  failed(error: GdpfsError): void;
}

const processId = randomUUID().slice(0, 8);
let requestCount = 0;

/** Bytes of a connection that are in the lines of earlier requests. */
const counted = new WeakMap<Socket, { readonly bytesIn: number; readonly bytesOut: number }>();

export function startRequestLog(
  { logger, clock, metrics }: Services,
  request: IncomingMessage,
  response: ServerResponse,
): RequestLog {
  requestCount += 1;
  metrics.requests.began();
  const startMs = clock.now();
  const beganMs = performance.now();
  const { socket } = request;
  const before = counted.get(socket) ?? { bytesIn: 0, bytesOut: 0 };
  let failure: GdpfsError | undefined;
  const log: RequestLog = {
    id: `${processId}-${requestCount}`,
    operation: undefined,
    principal: undefined,
    origin: undefined,
    failed(error) {
      failure = error;
      // That a client went away is in the line below, and nothing to worry about.
      if (error.traits.status < 500 || error.code === 'busy' || response.destroyed) return;
      logger.error({ request: log.id, err: error.cause ?? error }, error.message);
    },
  };
  response.once('close', () => {
    const total = { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten };
    counted.set(socket, total);
    const bytesIn = total.bytesIn - before.bytesIn;
    const bytesOut = total.bytesOut - before.bytesOut;
    metrics.requests.ended({
      operation: log.operation,
      status: response.statusCode,
      isCut: !response.writableFinished,
      code: failure?.code,
      seconds: (performance.now() - beganMs) / 1000,
      bytesIn,
      bytesOut,
    });
    logger.info(
      {
        request: log.id,
        principal: log.principal,
        from: log.origin?.address ?? socket.remoteAddress,
        ...(log.origin?.proxy === undefined ? {} : { proxy: log.origin.proxy }),
        method: request.method,
        operation: log.operation,
        status: response.statusCode,
        ...(failure === undefined ? {} : { code: failure.code }),
        ...(response.writableFinished ? {} : { cut: true }),
        ms: clock.now() - startMs,
        bytesIn,
        bytesOut,
      },
      'request',
    );
  });
  return log;
}
