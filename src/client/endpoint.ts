import { resolve } from 'node:path';
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
