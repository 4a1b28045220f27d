import type { IncomingMessage, ServerResponse } from 'node:http';
import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Operation, RouteMatch } from '../wire/contract.ts';
import { essenceOf, MEDIA_TYPES } from '../wire/media-types.ts';
import { type AuditedRequest, auditChange, auditRefusal } from './audit.ts';
import type { Caller, Exchange, Handler, Services, Trail } from './exchange.ts';
import { HANDLERS } from './handlers.ts';
import { identify } from './identity.ts';
import { type Origin, originOf, peerOf } from './origin.ts';
import { protectAnswer, requireOwnSite } from './other-sites.ts';
import { replyProblem } from './reply.ts';
import { startRequestLog } from './request-log.ts';
import { PathError } from '../fs/path-error.ts';

/**
 * One request from its head to its answer: route, identify, validate, handle. Nothing of a request
 * is looked at before its sender is known, unless the contract marks the operation anonymous.
 */
export async function dispatch(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const log = startRequestLog(services, request, response);
  protectAnswer(request, response);
  const trail: Trail = { targets: [] };
  let operation: Operation | undefined;
  const audited = (): AuditedRequest => {
    const { origin, principal } = log;
    return { request, trail, origin, operation, principal };
  };
  try {
    requireUnderstood(request);
    const { pathname, queryText } = splitUrl(request.url ?? '');
    const peer = peerOf(services, request);
    log.origin = peer;
    const origin = originOf(peer, request);
    const match = routeOf({ services, request, origin }, pathname);
    operation = match.operation;
    log.operation = operation.id;
    const caller = operation.anonymous ? undefined : identify(services, origin, graceOf(operation));
    if (caller !== undefined) log.principal = caller.principal;
    requireOwnSite(request, operation);
    const exchange = validate({
      services,
      request,
      response,
      match,
      caller,
      queryText,
      trail,
      origin,
    });
    const handler = HANDLERS[match.operation.id] as Handler<typeof match.operation.id>;
    await handler(exchange as never);
    assert(response.writableEnded, `${match.operation.id} answers`);
    auditChange(services, audited());
  } catch (cause) {
    const error = isGdpfsError(cause) ? named(cause, trail) : internalError(cause, log.id);
    log.failed(error);
    auditRefusal(services, audited(), error);
    await answerFailure(request, response, error);
  }
}

/** Whoever gets it has paths in other volumes, too. */
function named(error: GdpfsError, { volume }: Trail): GdpfsError {
  return error instanceof PathError && volume !== undefined ? error.within(volume) : error;
}

/** What HTTP has a server look for in the head of any request (RFC 9110, 10.1.1; RFC 9112, 3.2). */
function requireUnderstood({ headers, httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new GdpfsError('bad_request', 'cannot read the request: need the header field "Host"');
  }
  const { expect } = headers;
  if (expect === undefined || /^100-continue$/i.test(expect)) return;
  throw new GdpfsError(
    'bad_request',
    'cannot read the request: its header field "Expect" is unknown, need "100-continue"',
  );
}

/** An expired certificate is still good for getting a new one, for some time. */
function graceOf({ id }: Operation): number {
  return id === 'certificatesPost' ? LIMITS.renewalGraceMs : 0;
}

/** Strangers do not even learn which routes there are. */
function routeOf(
  { services, request, origin }: { services: Services; request: IncomingMessage; origin: Origin },
  pathname: string,
): RouteMatch {
  try {
    return services.contract.route(request.method ?? '', pathname);
  } catch (error) {
    identify(services, origin);
    throw error;
  }
}

function validate(parts: {
  readonly services: Services;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly match: RouteMatch;
  readonly caller: Caller | undefined;
  readonly queryText: string;
  readonly trail: Trail;
  readonly origin: Origin;
}): Exchange {
  const { services, request, response, match, caller, queryText, trail } = parts;
  const { address } = parts.origin;
  const { operation, params } = match;
  const query = operation.readQuery(queryText);
  operation.checkHeaders(request.headers);
  const bodyType = bodyTypeOf(operation, request);
  // The contract has just checked that it has the form of the generated type.
  const typedQuery = query as unknown as Exchange['query'];
  return {
    services,
    request,
    response,
    operation,
    params,
    query: typedQuery,
    caller,
    bodyType,
    trail,
    address,
    requireAdmitted() {
      if (caller !== undefined) identify(services, parts.origin, graceOf(operation));
    },
  };
}

/** Throws `unsupported_media_type`, or `bad_request` for a body where none belongs. */
function bodyTypeOf({ id, bodies }: Operation, request: IncomingMessage): string {
  const { 'content-type': contentType, 'content-length': length } = request.headers;
  if (bodies.size === 0) {
    if (request.headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 0) {
      throw new GdpfsError('bad_request', `cannot read request body: ${id} takes none`);
    }
    return '';
  }
  // RFC 9110, 8.3: without the field a recipient may assume bytes.
  const type = contentType === undefined ? MEDIA_TYPES.bytes : essenceOf(contentType);
  if (bodies.has(type)) return type;
  throw new GdpfsError(
    'unsupported_media_type',
    `cannot read request body: its type is "${type}", need ${[...bodies.keys()].join(' or ')}`,
  );
}

function splitUrl(url: string): { readonly pathname: string; readonly queryText: string } {
  const mark = url.indexOf('?');
  if (mark === -1) return { pathname: url, queryText: '' };
  return { pathname: url.slice(0, mark), queryText: url.slice(mark + 1) };
}

/** What went wrong inside is for the log only. */
function internalError(cause: unknown, requestId: string): GdpfsError {
  return new GdpfsError('internal', 'cannot serve the request: internal error', {
    cause,
    hint: `the server's log has the details under request ${requestId}`,
    details: { request: requestId },
  });
}

async function answerFailure(
  request: IncomingMessage,
  response: ServerResponse,
  error: GdpfsError,
): Promise<void> {
  if (!response.headersSent && !response.destroyed) {
    await replyProblem({ request, response }, error);
    return;
  }
  // Part of the answer is out: cut it, so that nobody takes it for a whole one.
  response.destroy();
}
