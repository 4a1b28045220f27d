import { parseApiPath } from '../../format/path.ts';
import type { CreateRequest } from '../../wire/generated/api.ts';
import type { ApiRequest } from '../session.ts';

/** Which requests change files: little code, since every command needs it. */

export const FILES = '/api/v1/files';
export const STORAGE_FILES = '/api/v1/storage/files';

/** The volume, alias or name, that a request changes; undefined for one that changes no files. */
export function changedVolume(request: ApiRequest): string | undefined {
  const { method, route, json } = request;
  if (method === 'GET') return undefined;
  if (route === FILES && method === 'POST') {
    return parseApiPath((json as CreateRequest).path).volume;
  }
  if (route !== FILES && route !== `${FILES}/changes` && route !== STORAGE_FILES) return undefined;
  return parseApiPath((request.query as { readonly path: string }).path).volume;
}

/** A request that only opens an upload: its commit is what is signed. */
export function opensUpload({ method, route, json }: ApiRequest): boolean {
  if (method !== 'POST' || route !== FILES) return false;
  const { kind } = json as CreateRequest;
  return kind === 'upload' || kind === 'append';
}
