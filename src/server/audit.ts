import type { IncomingMessage } from 'node:http';
import type { ErrorCode, GdpfsError } from '../base/errors.ts';
import type { Operation } from '../wire/contract.ts';
import type { OperationId } from '../wire/openapi.ts';
import type { AuditEvent } from './audit-log.ts';
import type { Services, Trail } from './exchange.ts';
import type { Origin } from './origin.ts';

/** What is known of a request when it ends. */
export interface AuditedRequest {
  readonly request: IncomingMessage;
  readonly trail: Trail;
  readonly origin: Pick<Origin, 'address' | 'proxy'> | undefined;
  readonly operation: Operation | undefined;
  readonly principal: string | undefined;
}

/** Requests with a body that change nothing that has a name. */
const QUESTIONS: ReadonlySet<OperationId> = new Set([
  'fileChunksPost',
  'storageFileChunksPost',
  'storageTarPost',
]);
/** Changes that the signed log of a volume tells, too. */
const COMMITS: ReadonlySet<OperationId> = new Set([
  'filesPost',
  'filesPatch',
  'filesDelete',
  'filesChangesPost',
  'storageFilesPost',
  'volumeCommitsPost',
]);
/** Statuses of refusals that are about who asks, or about what nobody should ask. */
const REFUSED = [400, 401, 403];
/** The same by their codes: what somebody has signed, or more than they may have. */
const REFUSED_CODES: ReadonlySet<ErrorCode> = new Set(['quota_exceeded', 'wrong_root']);
/** Paths that one line names. */
const TARGETS_MAX = 4;

export function auditChange({ audit }: Pick<Services, 'audit'>, done: AuditedRequest): void {
  const { operation } = done;
  if (operation === undefined || operation.method === 'GET' || QUESTIONS.has(operation.id)) return;
  if (done.trail.isPrepared === true) return;
  audit.changed(eventOf(done), { isDerived: COMMITS.has(operation.id) });
}

export function auditRefusal(
  { audit }: Pick<Services, 'audit'>,
  refused: AuditedRequest,
  error: GdpfsError,
): void {
  const isRefusal = REFUSED.includes(error.traits.status) || REFUSED_CODES.has(error.code);
  if (isRefusal) audit.refused({ ...eventOf(refused), code: error.code, detail: error.message });
}

function eventOf({ request, trail, origin, operation, principal }: AuditedRequest): AuditEvent {
  const id = request.headers['idempotency-key'];
  const { targets, seq } = trail;
  return {
    ...(principal === undefined ? {} : { principal }),
    from: origin?.address ?? request.socket.remoteAddress ?? '',
    ...(origin?.proxy === undefined ? {} : { proxy: origin.proxy }),
    operation: operation?.id ?? 'unknown',
    targets: [...new Set(targets)].slice(0, TARGETS_MAX),
    ...(seq === undefined ? {} : { seq }),
    ...(typeof id === 'string' ? { request: id } : {}),
  };
}
