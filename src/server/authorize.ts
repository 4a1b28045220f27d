/**
 * The one place that decides who may do what. Deny by default: a handler gets a volume, a path or an
 * upload only from here. docs/access.md has the rules. Changes are checked once more where they are
 * made (src/fs/permit.ts), because what a path names may change while a request waits.
 */
import { base64urlEncode } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { formatApiPath, formatRemotePath, parseApiPath } from '../format/path.ts';
import { hasAnyRight, LEVEL, type Level, levelName, type Rights } from '../fs/rights.ts';
import type { Claimant, Moment, Upload, VolumeInfo } from '../fs/types.ts';
import { type Caller, callerOf, type Exchange } from './exchange.ts';

/** A volume that the caller may use, and how far. */
export interface AuthorizedVolume {
  readonly volume: VolumeInfo;
  readonly rights: Rights;
}

/** Something inside a volume that the caller may use as they need to. */
export interface Target extends AuthorizedVolume {
  /** Inside the volume, parsed. */
  readonly path: string;
}

/** `see`: at least the way to something that the caller may read. */
export type Need = 'see' | 'read' | 'write' | 'admin';

type Asking = Pick<Exchange, 'services' | 'caller' | 'trail'>;

export function rightsOf(
  exchange: Pick<Exchange, 'services' | 'caller'>,
  volume: VolumeInfo,
): Rights {
  const { principal, role } = callerOf(exchange);
  return exchange.services.system.rights.of({ principal, isAdmin: role === 'admin' }, volume);
}

/** May the caller see anything of the volume? */
export function maySeeVolume(
  exchange: Pick<Exchange, 'services' | 'caller'>,
  volume: VolumeInfo,
): boolean {
  return hasAnyRight(rightsOf(exchange, volume));
}

/**
 * The volume with this alias or name, if the caller may do what they need to in all of it. Throws
 * `forbidden`; for admins `not_found`: others do not learn which volumes there are.
 */
export function authorizeVolume(exchange: Asking, reference: string, need: Need): AuthorizedVolume {
  const found = findVolume(exchange, reference);
  exchange.trail.targets.push(formatApiPath({ volume: found.volume.alias, path: '' }));
  if (need !== 'see') requireLevel(found.rights.whole, need, { ...found, path: '' });
  return found;
}

export interface PathNeed {
  readonly need: Need;
  /** The state of the tree that is asked about. */
  readonly at?: Moment | undefined;
}

/**
 * What an API path, `/<volume>/<path>`, names. What a change needs is `write` at the path itself; the
 * change asks for more where it has to. Throws `bad_request`, `not_found`, `forbidden`.
 */
export function authorizePath(exchange: Asking, apiPath: string, { need, at }: PathNeed): Target {
  const { volume: reference, path } = parseApiPath(apiPath);
  const found = findVolume(exchange, reference);
  exchange.trail.targets.push(formatApiPath({ volume: found.volume.alias, path }));
  const target = { ...found, path };
  const moment = at === undefined ? {} : { at };
  const level = exchange.services.fs.levelAt(found.volume, found.rights, { path, ...moment });
  if (level === undefined) throw tooLittle(target, { level: LEVEL.none, needed: LEVEL.read });
  if (need !== 'see') requireLevel(level, need, target);
  return target;
}

/** The caller's own upload, while they may write there. Throws `upload_not_found`, `forbidden`. */
export function authorizeUpload(
  exchange: Asking,
  id: string,
): Target & { readonly upload: Upload } {
  const upload = exchange.services.fs.upload(id, callerOf(exchange).principal);
  const { path } = upload;
  const apiPath = formatApiPath({ volume: base64urlEncode(upload.volume), path });
  return { upload, ...authorizePath(exchange, apiPath, { need: 'write' }) };
}

/** Who names chunks of a volume. */
export function claimantOf({ rights }: AuthorizedVolume): Claimant {
  return { principal: rights.principal, readsAll: rights.whole >= LEVEL.read };
}

/** Whose members read `GET /metrics` and nothing else: a monitoring system is no admin. */
const METRICS_GROUP = 'metrics';

/** Throws `forbidden`. */
export function requireMetricsReader(exchange: Pick<Exchange, 'services' | 'caller'>): void {
  const { principal, role } = callerOf(exchange);
  const { view } = exchange.services.system;
  if (role === 'admin' || view.groupsOf(principal).includes(METRICS_GROUP)) return;
  throw new GdpfsError(
    'forbidden',
    `cannot read metrics: "${principal}" is neither an admin nor in the group "${METRICS_GROUP}"`,
    { hint: `ask an admin of the server: "gdpfs admin group add ${METRICS_GROUP} ${principal}"` },
  );
}

export function requireAdmin(exchange: Pick<Exchange, 'caller'>, verb: string): Caller {
  const caller = callerOf(exchange);
  if (caller.role === 'admin') return caller;
  throw new GdpfsError('forbidden', `cannot ${verb}: "${caller.principal}" is not an admin`);
}

function findVolume(exchange: Asking, reference: string): AuthorizedVolume {
  const caller = callerOf(exchange);
  const { fs } = exchange.services;
  try {
    const volume = fs.resolveVolume(reference);
    const rights = rightsOf(exchange, volume);
    if (hasAnyRight(rights)) {
      exchange.trail.volume ??= volume.alias;
      return { volume, rights };
    }
  } catch (error) {
    if (!isGdpfsError(error, 'not_found') || caller.role === 'admin') throw error;
  }
  throw new GdpfsError(
    'forbidden',
    `cannot use volume "${reference}": "${caller.principal}" has no access, if there is such a volume`,
    { hint: 'check its name; ask its owner or an admin of the server for a grant' },
  );
}

function requireLevel(level: Level, need: Exclude<Need, 'see'>, target: Target): void {
  const needed = LEVEL[need];
  if (level < needed) throw tooLittle(target, { level, needed });
}

/** The same whether there is something at the path or not. */
function tooLittle(
  { volume, path, rights }: Target,
  { level, needed }: { readonly level: Level; readonly needed: Level },
): GdpfsError {
  const object = JSON.stringify(formatRemotePath({ volume: volume.alias, path }));
  const has = `"${rights.principal}" has ${levelName(level)} there`;
  return new GdpfsError('forbidden', `cannot use ${object}: ${has}, need ${levelName(needed)}`, {
    hint: 'ask the owner of the volume or an admin of the server for a grant',
  });
}
