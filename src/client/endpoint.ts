import { resolve } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { formatRemotePath, type RemotePath } from '../format/path.ts';
import type { Session } from './session.ts';

/** One end of a copy or synchronization. */
export type Endpoint = LocalEndpoint | RemoteEndpoint;

export interface LocalEndpoint {
  readonly kind: 'local';
  readonly path: string;
}

export interface RemoteEndpoint {
  readonly kind: 'remote';
  readonly session: Session;
  readonly remote: RemotePath;
}

/** The endpoint's name wherever one is: absolute, or `gdp://VOLUME/PATH`. */
export function absoluteName(endpoint: Endpoint): string {
  return endpoint.kind === 'local' ? resolve(endpoint.path) : formatRemotePath(endpoint.remote);
}

/** Throws `usage` if the past of a local path is asked for. `at`: as in StatOptions. */
export function requirePast(source: Endpoint, at: string | undefined): void {
  if (at === undefined || source.kind === 'remote') return;
  throw new GdpfsError(
    'usage',
    `cannot look at the past of ${JSON.stringify(source.path)}: it is local, need "gdp://VOLUME/PATH"`,
  );
}
