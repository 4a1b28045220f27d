import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { readPrivateFile, writePrivateFile } from '../wire/private-file.ts';
import { generateKey, privateKeyPem, signCertificate } from '../wire/x509.ts';
import { type Issuer, randomSerial, wholeSeconds } from './issuer.ts';

/** What a TLS listener presents. PEM. */
export interface TlsIdentity {
  readonly key: string;
  /** The server's certificate, then the CA's: a first connection finds the fingerprint there. */
  readonly cert: string;
  readonly expiresMs: number;
}

export interface TlsIdentityOptions {
  readonly directory: string;
  readonly issuer: Issuer;
  /** From serverCertificateNames. */
  readonly names: readonly string[];
  readonly clock: Clock;
}

const ALWAYS_NAMES = ['localhost', '127.0.0.1', '::1'];
/** Listening on one of these means every address; nobody connects to it by that name. */
const UNSPECIFIED_ADDRESSES = ['0.0.0.0', '::'];
/** RFC 1123 section 2.1; a leading `*.` stands for one label. */
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** The names that go into the certificate, checked, each once. Throws `usage`. */
export function serverCertificateNames(names: readonly string[]): string[] {
  for (const name of names) {
    if (isIP(name) === 0 && !DNS_NAME.test(name)) {
      const state = 'it is neither a DNS name nor an IP address';
      throw new GdpfsError('usage', `cannot use the server name ${JSON.stringify(name)}: ${state}`);
    }
  }
  const all = new Set([...names, ...ALWAYS_NAMES]);
  return [...all].filter((name) => !UNSPECIFIED_ADDRESSES.includes(name));
}

/** The stored identity while it is good, otherwise a new one, with a new key. */
export async function openTlsIdentity(options: TlsIdentityOptions): Promise<TlsIdentity> {
  const { directory, issuer } = options;
  const key = await readPrivateFile(join(directory, 'server.key'));
  const cert = await readPrivateFile(join(directory, 'server.crt'));
  if (key !== undefined && cert !== undefined && isGood({ key, cert }, options)) {
    const expiresMs = new X509Certificate(cert).validToDate.getTime();
    return { key, cert: cert + issuer.pem, expiresMs };
  }
  return createTlsIdentity(options);
}

/** A pair torn apart by a crash between its two files is not good either. */
function isGood(pair: { key: string; cert: string }, options: TlsIdentityOptions): boolean {
  const { issuer, names, clock } = options;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return false;
  } catch {
    // Unreadable: nothing is lost by making another.
    return false;
  }
  const { certificate: authority } = issuer;
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return false;
  const leftMs = certificate.validToDate.getTime() - clock.now();
  if (leftMs < LIMITS.serverCertificateLifeMs / 3) return false;
  return names.every((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name) !== undefined
      : certificate.checkIP(name) !== undefined,
  );
}

async function createTlsIdentity(options: TlsIdentityOptions): Promise<TlsIdentity> {
  const { directory, issuer, names, clock } = options;
  const keys = generateKey();
  const nowMs = clock.now();
  const authorityEndMs = issuer.certificate.validToDate.getTime();
  const expiresMs = wholeSeconds(Math.min(nowMs + LIMITS.serverCertificateLifeMs, authorityEndMs));
  const cert = await signCertificate({
    subject: { kind: 'server', names },
    publicKey: keys.publicKey,
    issuerPem: issuer.pem,
    issuerKey: createPrivateKey(issuer.keyPem),
    serial: randomSerial(),
    notBeforeMs: wholeSeconds(nowMs - LIMITS.clockSkewMs),
    notAfterMs: expiresMs,
  });
  const key = privateKeyPem(keys.privateKey);
  await writePrivateFile(join(directory, 'server.key'), key);
  await writePrivateFile(join(directory, 'server.crt'), cert);
  return { key, cert: cert + issuer.pem, expiresMs };
}
