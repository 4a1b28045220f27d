import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { isPrincipalName, PRINCIPAL_NAME_NEED } from '../wire/principal.ts';
import { makePrivateDirectory, writePrivateFile } from '../wire/private-file.ts';
import { generateKey, privateKeyPem, type Subject, signCertificate } from '../wire/x509.ts';
import { type Issuer, loadIssuer, randomSerial, wholeSeconds } from './issuer.ts';
import { auditLocally } from './local-audit.ts';
import { serverCertificateNames } from './tls-identity.ts';

export interface ProxyBundleOptions {
  /** The server's keys. */
  readonly keysDirectory: string;
  /** Folder of the audit log. */
  readonly auditDirectory: string;
  /** What `--trusted-proxy` calls it. */
  readonly name: string;
  /** DNS names and IP addresses that clients reach the proxy by, beside localhost. */
  readonly names: readonly string[];
  /** Folder for the files; made if missing. */
  readonly directory: string;
  readonly clock: Clock;
}

export interface ProxyBundle {
  readonly name: string;
  readonly directory: string;
  readonly expiresMs: number;
}

/**
 * Makes what a proxy needs: `front` is what it shows to clients, `hop` what it shows to the server,
 * each as `.crt`, `.key` and both in one `.pem`; `ca.crt` is what it checks both sides with. New keys
 * each time; files of that name are replaced one by one. May run beside the server. Throws `usage`,
 * `not_found` if there is no authority, `corrupt`, `local_io`.
 */
export async function makeProxyBundle(options: ProxyBundleOptions): Promise<ProxyBundle> {
  const { keysDirectory, name, directory, clock } = options;
  if (!isPrincipalName(name)) {
    const need = `need ${PRINCIPAL_NAME_NEED}`;
    throw new GdpfsError('usage', `cannot name a proxy ${JSON.stringify(name)}: ${need}`);
  }
  const names = serverCertificateNames(options.names);
  const issuer = await loadIssuer(keysDirectory);
  if (issuer === undefined) {
    throw new GdpfsError(
      'not_found',
      `cannot make certificates for a proxy: ${JSON.stringify(keysDirectory)} has no authority`,
    );
  }
  const life = lifeFrom(issuer, clock);
  const act = { operation: 'adminProxy', targets: [name, ...options.names] } as const;
  await auditLocally({ directory: options.auditDirectory, clock }, act);
  await makePrivateDirectory(directory);
  await writePrivateFile(join(directory, 'ca.crt'), issuer.pem);
  const subjects = { front: { kind: 'server', names }, hop: { kind: 'proxy', name } } as const;
  for (const [file, subject] of Object.entries(subjects)) {
    const { key, cert } = await certify(issuer, subject, life);
    await writePrivateFile(join(directory, `${file}.key`), key);
    await writePrivateFile(join(directory, `${file}.crt`), cert);
    await writePrivateFile(join(directory, `${file}.pem`), cert + key);
  }
  return { name, directory, expiresMs: life.notAfterMs };
}

interface Life {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

function lifeFrom({ certificate }: Issuer, clock: Clock): Life {
  const nowMs = clock.now();
  const endMs = Math.min(nowMs + LIMITS.serverCertificateLifeMs, certificate.validToDate.getTime());
  return {
    notBeforeMs: wholeSeconds(nowMs - LIMITS.clockSkewMs),
    notAfterMs: wholeSeconds(endMs),
  };
}

/** The certificate with the authority's behind it: a first login looks for that there. */
async function certify(
  issuer: Issuer,
  subject: Subject,
  life: Life,
): Promise<{ readonly key: string; readonly cert: string }> {
  const keys = generateKey();
  const certificate = await signCertificate({
    subject,
    publicKey: keys.publicKey,
    issuerPem: issuer.pem,
    issuerKey: createPrivateKey(issuer.keyPem),
    serial: randomSerial(),
    ...life,
  });
  return { key: privateKeyPem(keys.privateKey), cert: certificate + issuer.pem };
}
