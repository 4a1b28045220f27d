import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import type { Feed } from '../fs/feed.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { History } from '../fs/history.ts';
import type { Policies } from '../fs/policies.ts';
import type { Proofs } from '../fs/proofs.ts';
import type { SignedChanges } from '../fs/signed-changes.ts';
import type { ChangeResult } from '../fs/types.ts';
import type { System } from '../fs/system.ts';
import type { Contract, Operation } from '../wire/contract.ts';
import type { OperationQueries } from '../wire/generated/api.ts';
import type { OperationId } from '../wire/openapi.ts';
import type { AuditLog } from './audit-log.ts';
import type { BodyRoom } from './body-room.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { CertificateAuthority } from './ca.ts';
import type { TrustedProxies } from './forwarded-certificate.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';
import type { GcRuns } from './gc-runs.ts';
import type { CertificateCache } from './certificate-cache.ts';
import type { ClientIdentity } from './client-certificates.ts';
import type { PreparedCommits } from './prepared-commits.ts';
import type { ReadRooms } from './read-rooms.ts';
import type { RequestRate } from './request-rate.ts';
import type { Slots } from './slots.ts';
import type { StagedBytes } from './staged-bytes.ts';

/** Who sends a request, as the client's certificate and the system log say. */
export interface Caller {
  readonly principal: string;
  readonly role: 'user' | 'admin' | 'service';
  /** 16 bytes: the certificate's, and that of all it is renewed by. */
  readonly enrolment: Uint8Array;
  readonly certificateExpiresMs: number;
  /** The certificate is from an authority of somebody else. */
  readonly isExternal: boolean;
}

/** What all requests share. */
export interface Services {
  readonly fs: FileSystem;
  readonly system: System;
  readonly policies: Policies;
  readonly proofs: Proofs;
  readonly history: History;
  readonly feed: Feed;
  readonly signed: SignedChanges;
  readonly authority: CertificateAuthority;
  /** Whose word about the certificates of others is taken. */
  readonly trustedProxies: TrustedProxies;
  readonly forwardedIdentities: CertificateCache<ClientIdentity>;
  readonly contract: Contract;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit: AuditLog;
  readonly metrics: ServerMetrics;
  readonly gc: GcRuns;
  /** Bodies that are held in memory whole. */
  readonly bodyRoom: BodyRoom;
  /** Answers that are, until they are sent. */
  readonly answerRoom: BodyRoom;
  /** Chunks on their way from a body to the store. */
  readonly chunkBudget: ByteBudget;
  readonly buffers: BufferPool;
  readonly readRooms: ReadRooms;
  readonly stagedBytes: StagedBytes;
  /** Changes that wait for their signatures. */
  readonly prepared: PreparedCommits<AnswerChange>;
  readonly md5Slots: Slots;
  readonly zipSlots: Slots;
  readonly feedSlots: Slots;
  /** Requests without a certificate that read something. */
  readonly anonymousRate: RequestRate;
  /** Is the server on its way down? */
  isStopping(): boolean;
  /** Is nothing written any more before the server is started again? */
  hasFailed(): boolean;
}

/** One request and its answer: routed, identified and validated. */
export interface Exchange<Id extends OperationId = OperationId> {
  readonly services: Services;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly operation: Operation;
  /** Parameters of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: OperationQueries[Id];
  /** Absent only in operations that the contract marks anonymous. */
  readonly caller: Caller | undefined;
  /** Media type of the body, one of those in the contract; `''` if the operation takes none. */
  readonly bodyType: string;
  readonly trail: Trail;
  /** IP address of the client, as far as it is known. */
  readonly address: string;
  /** For requests that wait: throws once the caller would not be let in any more. */
  requireAdmitted(): void;
}

/** What is noted of a request while it is handled, for the audit log. */
export interface Trail {
  /** API paths that it was about. */
  readonly targets: string[];
  /** Name of the volume that they are in. */
  volume?: string;
  /** Of the record that a change ended with. */
  seq?: number;
  /** Nothing has changed: it was prepared only. */
  isPrepared?: boolean;
}

/** Answers the request for a change that is made, in the exchange that made it. */
export type AnswerChange = (exchange: Exchange, result: ChangeResult) => void | Promise<void>;

export type Handler<Id extends OperationId> = (exchange: Exchange<Id>) => Promise<void> | void;

/** The caller of an operation that is not anonymous. */
export function callerOf(exchange: Pick<Exchange, 'caller'>): Caller {
  assert(exchange.caller !== undefined, 'only identified callers reach this operation');
  return exchange.caller;
}
