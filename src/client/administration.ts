import type {
  Authority,
  PrincipalRequest,
  AuditPage,
  GcRequest,
  GcStatus,
  QuotaRequest,
  Volume,
  Grant,
  GrantList,
  GrantRequest,
  Group,
  GroupChange,
  GroupList,
  Principal,
  PrincipalList,
} from '../wire/generated/api.ts';
import type { CallOptions } from './files.ts';
import { type ApiRequest, jsonOf, type Session } from './session.ts';

/** Who may do what on a server. */

type AdminRequest = Pick<ApiRequest, 'method' | 'query' | 'json'>;

async function send<T>(
  session: Session,
  route: string,
  request: AdminRequest,
  call: CallOptions,
): Promise<T> {
  return jsonOf<T>(await session.request({ route: `/api/v1/admin/${route}`, ...request, ...call }));
}

export async function listPrincipals(
  session: Session,
  call: CallOptions = {},
): Promise<Principal[]> {
  const request = { method: 'GET' } as const;
  return (await send<PrincipalList>(session, 'principals', request, call)).principals;
}

/** Of the principal, or of one of its enrolments alone. */
export async function revokePrincipal(
  session: Session,
  { name, enrolment }: { readonly name: string; readonly enrolment?: string | undefined },
  call: CallOptions = {},
): Promise<Principal> {
  const request = { method: 'DELETE', query: { enrolment } } as const;
  return await send(session, `principals/${encodeURIComponent(name)}`, request, call);
}

export async function readmitPrincipal(
  session: Session,
  name: string,
  call: CallOptions = {},
): Promise<Principal> {
  const request = { method: 'PATCH', json: { revoked: false } } as const;
  return await send(session, `principals/${encodeURIComponent(name)}`, request, call);
}

export async function listGroups(session: Session, call: CallOptions = {}): Promise<Group[]> {
  return (await send<GroupList>(session, 'groups', { method: 'GET' }, call)).groups;
}

export async function changeGroup(
  session: Session,
  json: GroupChange,
  call: CallOptions = {},
): Promise<Group> {
  return await send(session, 'groups', { method: 'POST', json }, call);
}

export async function removeGroup(
  session: Session,
  name: string,
  call: CallOptions = {},
): Promise<Group> {
  const request = { method: 'DELETE' } as const;
  return await send(session, `groups/${encodeURIComponent(name)}`, request, call);
}

/** Below a path, or to a subject. */
export async function listGrants(
  session: Session,
  query: { readonly path: string } | { readonly subject: string },
  call: CallOptions = {},
): Promise<Grant[]> {
  return (await send<GrantList>(session, 'grants', { method: 'GET', query }, call)).grants;
}

export async function setGrant(
  session: Session,
  json: GrantRequest,
  call: CallOptions = {},
): Promise<Grant> {
  return await send(session, 'grants', { method: 'POST', json }, call);
}

export async function removeGrant(
  session: Session,
  query: { readonly path: string; readonly subject: string; readonly node?: number | undefined },
  call: CallOptions = {},
): Promise<Grant> {
  return await send(session, 'grants', { method: 'DELETE', query }, call);
}

export interface AuditOptions {
  readonly sinceMs?: number | undefined;
  readonly principal?: string | undefined;
  /** From the page before. */
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

/** A page of the audit log, oldest first; `more` says whether another can be had at once. */
export async function readAudit(
  session: Session,
  query: AuditOptions,
  call: CallOptions = {},
): Promise<AuditPage> {
  return await send(session, 'audit', { method: 'GET', query }, call);
}

/** The volume with its new quota. */
export async function setQuota(
  session: Session,
  json: QuotaRequest,
  call: CallOptions = {},
): Promise<Volume> {
  return await send(session, 'quotas', { method: 'POST', json }, call);
}

/** Without a login: for one whose certificates come from another authority. */
export async function createPrincipal(
  session: Session,
  json: PrincipalRequest,
  call: CallOptions = {},
): Promise<Principal> {
  return await send(session, 'principals', { method: 'POST', json }, call);
}

export async function getAuthority(session: Session, call: CallOptions = {}): Promise<Authority> {
  return await send(session, 'ca', { method: 'GET' }, call);
}

/** Has the server free what is kept no more, unless it is doing so; how it goes. */
export async function freeSpace(
  session: Session,
  json: GcRequest,
  call: CallOptions = {},
): Promise<GcStatus> {
  return await send(session, 'gc', { method: 'POST', json }, call);
}

/** How that goes, or went last. */
export async function spaceStatus(session: Session, call: CallOptions = {}): Promise<GcStatus> {
  return await send(session, 'gc', { method: 'GET' }, call);
}
