import { type Checkpoint, parseCheckpoint } from '../format/checkpoint.ts';
import type {
  CreateVolume,
  Invitation,
  InvitationRequest,
  KeyRotation,
  RemovedVolume,
  Volume,
  VolumeGetQuery,
  VolumeList,
  Whoami,
} from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { CallOptions } from './files.ts';
import { jsonOf, type Session } from './session.ts';

/** Volumes, and who the caller is. */

export async function listVolumes(session: Session, call: CallOptions = {}): Promise<Volume[]> {
  const answer = await session.request({ method: 'GET', route: '/api/v1/volumes', ...call });
  return jsonOf<VolumeList>(answer).volumes;
}

/** `volume` is an alias or a 43-character name; with `since` the answer has a proof. */
export async function getVolume(
  session: Session,
  volume: string,
  { since, until, signal }: VolumeGetQuery & CallOptions = {},
): Promise<Volume> {
  const route = `/api/v1/volumes/${encodeURIComponent(volume)}`;
  const query = { since, until };
  return jsonOf(await session.request({ method: 'GET', route, query, signal }));
}

/** What the server says is the newest checkpoint. Its signature has not been verified. */
export async function getCheckpoint(
  session: Session,
  volume: string,
  call: CallOptions = {},
): Promise<Checkpoint> {
  const route = `/api/v1/volumes/${encodeURIComponent(volume)}/checkpoint`;
  const answer = await session.request({ method: 'GET', route, accept: MEDIA_TYPES.note, ...call });
  return parseCheckpoint(answer.body).checkpoint;
}

export async function createVolume(
  session: Session,
  volume: CreateVolume,
  call: CallOptions = {},
): Promise<Volume> {
  const answer = await session.request({
    method: 'POST',
    route: '/api/v1/volumes',
    json: volume,
    changes: true,
    ...call,
  });
  return jsonOf(answer);
}

/** `name`: 43 characters, so that no other volume that has got the alias is removed. Throws `not_empty` unless `force`. */
export async function removeVolume(
  session: Session,
  name: string,
  { force, signal }: CallOptions & { readonly force?: boolean | undefined } = {},
): Promise<RemovedVolume> {
  const route = `/api/v1/volumes/${encodeURIComponent(name)}`;
  const query = { force };
  return jsonOf(await session.request({ method: 'DELETE', route, query, changes: true, signal }));
}

/** Replaces a key of a volume whose keys the server has. For those who administer it. */
export async function rotateKey(
  session: Session,
  volume: string,
  { role = 'writer', signal }: CallOptions & { readonly role?: 'owner' | 'writer' } = {},
): Promise<KeyRotation> {
  const route = `/api/v1/volumes/${encodeURIComponent(volume)}/keys`;
  const query = role === 'owner' ? { owner: true } : {};
  return jsonOf(await session.request({ method: 'POST', route, query, changes: true, signal }));
}

export async function whoami(session: Session, call: CallOptions = {}): Promise<Whoami> {
  return jsonOf(await session.request({ method: 'GET', route: '/api/v1/whoami', ...call }));
}

/** A one-use token with which a user enrols. For admins. */
export async function invite(
  session: Session,
  invitation: InvitationRequest,
  call: CallOptions = {},
): Promise<Invitation> {
  const answer = await session.request({
    method: 'POST',
    route: '/api/v1/admin/invitations',
    json: invitation,
    ...call,
  });
  return jsonOf(answer);
}

/** Records of a volume that nothing was ever written to: what it is, and who may write. */
const EMPTY_VOLUME_RECORDS = 2;

/** What must be known of a volume before much is written to it. */
export interface VolumeToFill {
  /** How it cuts files into chunks. */
  readonly chunking: Volume['chunking'];
  /** Nothing was ever written to it: nobody need ask which chunks it has. */
  readonly isEmpty: boolean;
}

export async function volumeToFill(
  session: Session,
  name: string,
  signal: AbortSignal | undefined,
): Promise<VolumeToFill> {
  const { chunking, count } = await getVolume(session, name, { signal });
  return { chunking, isEmpty: count <= EMPTY_VOLUME_RECORDS };
}
