/**
 * The one place that decides who may do what. Deny by default: a volume is for its owner and for
 * admins. Handlers get a volume only from here.
 */
import { base64urlEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { parseApiPath } from '../format/path.ts';
import type { Upload, VolumeInfo } from '../fs/types.ts';
import { type Caller, callerOf, type Exchange } from './exchange.ts';

/** Something inside a volume that the caller may read and change. */
export interface Target {
  readonly volume: VolumeInfo;
  /** Inside the volume, parsed. */
  readonly path: string;
}

type Asking = Pick<Exchange, 'services' | 'caller'>;

export function mayUseVolume(caller: Caller, volume: VolumeInfo): boolean {
  return caller.role === 'admin' || volume.owner === caller.principal;
}

/** The volume with this alias or name. Throws `not_found`, `forbidden`. */
export function authorizeVolume(exchange: Asking, reference: string): VolumeInfo {
  const caller = callerOf(exchange);
  const volume = exchange.services.fs.resolveVolume(reference);
  if (mayUseVolume(caller, volume)) return volume;
  throw new GdpfsError(
    'forbidden',
    `cannot use volume "${reference}": "${caller.principal}" has no access`,
    { hint: 'ask the owner of the volume or an admin of the server' },
  );
}

/** What an API path, `/<volume>/<path>`, names. Throws `bad_request`, `not_found`, `forbidden`. */
export function authorizePath(exchange: Asking, apiPath: string): Target {
  const { volume, path } = parseApiPath(apiPath);
  return { volume: authorizeVolume(exchange, volume), path };
}

/** The caller's own upload. Throws `upload_not_found`, `forbidden`. */
export function authorizeUpload(
  exchange: Asking,
  id: string,
): { readonly upload: Upload; readonly volume: VolumeInfo } {
  const upload = exchange.services.fs.upload(id, callerOf(exchange).principal);
  return { upload, volume: authorizeVolume(exchange, base64urlEncode(upload.volume)) };
}

export function requireAdmin(exchange: Pick<Exchange, 'caller'>, verb: string): Caller {
  const caller = callerOf(exchange);
  if (caller.role === 'admin') return caller;
  throw new GdpfsError('forbidden', `cannot ${verb}: "${caller.principal}" is not an admin`);
}
