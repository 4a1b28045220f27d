import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { beginConnection, type BegunConnection } from './answers/begun-connection.ts';
import { parseConfig } from './config.ts';
import { homeDirectory, homeProfile } from './home-directory.ts';

/**
 * Begins a connection to the server of the profile that is used where none is named, before the program that will use it is
 * loaded: that takes as long as the handshake. Undefined where there is no such profile, or it cannot be
 * read; whoever needs it says why. Does not keep the process running.
 *
 * From then on the process trusts no authorities but those that connections name, as all of a command do.
 */
export function beginEarly(
  environment: Readonly<Record<string, string | undefined>>,
): BegunConnection | undefined {
  const directory = homeDirectory(environment);
  try {
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    const { current = '', profiles } = parseConfig(read('config.json'), 'config.json');
    const name = homeProfile(environment) ?? current;
    if (!Object.hasOwn(profiles, name)) return undefined;
    const { url, ca, certificate, key } = profiles[name] as (typeof profiles)[string];
    trustNobody();
    const begun = beginConnection({
      url,
      ca: read(ca),
      cert: read(certificate),
      key: read(key),
    });
    begun.socket.unref();
    return begun;
  } catch {
    return undefined;
  }
}

/**
 * Otherwise Node reads all authorities that it knows, 5 to 10 ms, before it makes a context, even if that has
 * its own. Node before 24.5 does so in any case.
 */
function trustNobody(): void {
  if ('setDefaultCACertificates' in tls) tls.setDefaultCACertificates([]);
}
