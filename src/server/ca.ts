/**
 * The server's own certificate authority (DESIGN §8), made at the first start. Trust: whoever reads
 * the keys directory can be any principal on this server.
 */

import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { sha256 } from '../base/digest.ts';
import { makePrivateDirectory } from '../wire/private-file.ts';
import type { ClientAuthority } from './client-authority.ts';
import { type ClientCertificates, openClientCertificates } from './client-certificates.ts';
import { createIssuer, loadIssuer } from './issuer.ts';
import { openTlsIdentity, serverCertificateNames, type TlsIdentity } from './tls-identity.ts';

export interface AuthorityOptions {
  /** Where the keys are; made if missing. Apart from the data: who has it has the server's trust. */
  readonly directory: string;
  /** DNS names and IP addresses that clients may reach the server by, beside localhost. */
  readonly names: readonly string[];
  readonly clock: Clock;
  /** An authority of somebody else whose certificates clients may come with, too. */
  readonly external?: ClientAuthority | undefined;
}

export interface CertificateAuthority extends ClientCertificates {
  /** Path of the CA certificate. */
  readonly caFile: string;
  readonly caPem: string;
  /** Those whose certificates clients may come with. */
  readonly clientCaPems: readonly string[];
  /** SHA-256 of the CA certificate's DER. */
  readonly caFingerprint: Uint8Array;
  /** Key and certificate for the listener; made anew when names were added or a third of its life is left. */
  serverIdentity(): Promise<TlsIdentity>;
}

/** Loads the authority, or makes it if `directory` has none. Throws `corrupt`, `local_io`, `usage`. */
export async function openCertificateAuthority(
  options: AuthorityOptions,
): Promise<CertificateAuthority> {
  const { directory, clock, external } = options;
  const names = serverCertificateNames(options.names);
  await makePrivateDirectory(directory);
  await chmod(directory, 0o700);
  const issuer = (await loadIssuer(directory)) ?? (await createIssuer(directory, clock));
  const clients = await openClientCertificates(issuer, { clock, external });
  return {
    ...clients,
    caFile: join(directory, 'ca.crt'),
    caPem: issuer.pem,
    clientCaPems: external === undefined ? [issuer.pem] : [issuer.pem, external.pem],
    caFingerprint: sha256(issuer.certificate.raw),
    serverIdentity: () => openTlsIdentity({ directory, issuer, names, clock }),
  };
}
