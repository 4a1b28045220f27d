import { randomBytes } from 'node:crypto';
import { base64urlDecode, base64urlEncode, hexEncode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import { formatApiPath } from '../format/path.ts';
import { LEVEL } from '../fs/rights.ts';
import type { ShareLinkRow, SystemView } from '../fs/system-view.ts';
import type { VolumeInfo } from '../fs/types.ts';
import type { Share } from '../wire/generated/api.ts';
import type { Services } from './exchange.ts';
import type { GrantPlace } from './grants.ts';

const SECRET_BYTES = 32;
/** Hexadecimal digits of the secret's digest that name a link where its secret must not be told. */
const ID_LENGTH = 16;

type LinkServices = Pick<Services, 'fs' | 'system' | 'clock'>;

export interface ShareInit extends GrantPlace {
  readonly author: string;
  readonly lifeMs: number;
}

/** What a working link gives. */
export interface Shared {
  readonly volume: VolumeInfo;
  /** Inside the volume, where the file or directory is now. */
  readonly path: string;
}

/** Makes a link; durable on return. The token is in no other place. Throws `bad_request`. */
export async function createShareLink(
  { fs, system, clock }: LinkServices,
  { volume, node, author, lifeMs }: ShareInit,
): Promise<Share & { readonly token: string }> {
  const secret = new Uint8Array(randomBytes(SECRET_BYTES));
  const createdMs = clock.now();
  const row = {
    secretDigest: sha256(secret),
    volume: volume.name,
    node,
    author,
    createdMs,
    expiresMs: createdMs + lifeMs,
    revoked: false,
  };
  await system.change((state) => {
    const own = state
      .shareLinks()
      .filter((link) => link.author === author && isLive(link, createdMs));
    if (own.length >= LIMITS.sharesPerPrincipalMax) {
      const need = `need at most ${LIMITS.sharesPerPrincipalMax}`;
      throw new GdpfsError('bad_request', `cannot share: "${author}" has too many links, ${need}`, {
        hint: 'revoke some: "gdpfs share revoke"',
      });
    }
    return { records: [linkRecord(row)], result: undefined };
  });
  return { ...shareJson({ fs, system, clock }, row), token: base64urlEncode(secret) };
}

/** The links of an author, or all, that still work. */
export function listShareLinks(services: LinkServices, author: string | undefined): Share[] {
  const nowMs = services.clock.now();
  return services.system.view
    .shareLinks()
    .filter((link) => isLive(link, nowMs) && (author === undefined || link.author === author))
    .map((row) => shareJson(services, row));
}

/** Ends a link, for its author or, without one, for an admin. Throws `not_found`. */
export async function revokeShareLink(
  services: LinkServices,
  id: string,
  author: string | undefined,
): Promise<Share> {
  return await services.system.change((state) => {
    const row = state
      .shareLinks()
      .find((link) => idOf(link) === id && (author === undefined || link.author === author));
    if (row === undefined) {
      throw new GdpfsError('not_found', `cannot revoke share link "${id}": there is no such`);
    }
    return {
      records: [linkRecord({ ...row, revoked: true })],
      result: shareJson(services, row),
    };
  });
}

/**
 * What a token gives now: as long as the link has not ended and its author could still make it.
 * Throws `forbidden`, always the same.
 */
export function openShareLink(services: LinkServices, token: string): Shared {
  const secret = base64urlDecode(token);
  const row = secret && services.system.view.shareLink(sha256(secret));
  const shared = row && isLive(row, services.clock.now()) ? sharedBy(services, row) : undefined;
  if (shared !== undefined) return shared;
  throw new GdpfsError(
    'forbidden',
    'cannot use the share link: it is unknown, has expired, was revoked, or leads to nothing any more',
    { hint: 'ask who gave it to you for a new one' },
  );
}

function sharedBy({ fs, system }: LinkServices, row: ShareLinkRow): Shared | undefined {
  const path = fs.pathOf(row.volume, row.node);
  if (path === undefined || !isActive(system.view, row.author)) return undefined;
  const volume = fs.resolveVolume(base64urlEncode(row.volume));
  const isAdmin = system.view.principal(row.author)?.role === Role.ADMIN;
  const rights = system.rights.of({ principal: row.author, isAdmin }, volume);
  const level = fs.levelAt(volume, rights, { path }) ?? LEVEL.none;
  return level >= LEVEL.admin ? { volume, path } : undefined;
}

function isActive(view: SystemView, principal: string): boolean {
  return !view.isRevoked({ principal, enrolment: new Uint8Array(0) });
}

function isLive({ expiresMs, revoked }: ShareLinkRow, nowMs: number): boolean {
  return !revoked && nowMs < expiresMs;
}

function idOf({ secretDigest }: ShareLinkRow): string {
  return hexEncode(secretDigest).slice(0, ID_LENGTH);
}

/** Where it leads is told as long as it works: its author may not see more than others. */
function shareJson(services: LinkServices, row: ShareLinkRow): Share {
  const { author, createdMs, expiresMs } = row;
  const shared = sharedBy(services, row);
  const { path, volume } = shared ?? {};
  const where =
    path === undefined || volume === undefined
      ? {}
      : { path: formatApiPath({ volume: volume.alias, path }) };
  return { id: idOf(row), author, createdMs, expiresMs, ...where };
}

function linkRecord(row: ShareLinkRow): {
  readonly body: { readonly case: 'shareLink'; readonly value: object };
} {
  const { node, createdMs, expiresMs, ...rest } = row;
  const numbers = {
    node: BigInt(node),
    createdMs: BigInt(createdMs),
    expiresMs: BigInt(expiresMs),
  };
  return { body: { case: 'shareLink', value: { ...rest, ...numbers } } };
}
