import type { Endpoint } from '../client/endpoint.ts';
import { parseRemotePath } from '../format/path.ts';
import type { Servers } from '../client/servers.ts';

/** A path of the command line, as one end of a copy. */
export async function openEndpoint(servers: Servers, text: string): Promise<Endpoint> {
  const remote = parseRemotePath(text);
  if (remote === undefined) return { kind: 'local', path: text };
  return await servers.endpoint(remote);
}
