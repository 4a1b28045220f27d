import { createPrivateKey, X509Certificate } from 'node:crypto';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** What a client proves who it is with. PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly key: string;
}

/** Where a session's credentials are kept. */
export interface CredentialStore {
  /**
   * What is there now: another process may have renewed it, or its user logged in again. Undefined if
   * it is for another principal or server by now.
   */
  load(): Promise<Credentials | undefined>;
  /**
   * Keeps a renewed certificate, durably, unless what is there has another key by now, or is valid
   * for longer.
   */
  save(renewed: Credentials): Promise<void>;
}

/** When a certificate is valid, as its issuer meant it. */
export interface Validity {
  readonly lifeMs: number;
  readonly expiresMs: number;
}

/** Throws `corrupt`. */
export function validityOf(certificatePem: string): Validity {
  const { validFromDate, validToDate } = parse(certificatePem);
  const expiresMs = validToDate.getTime();
  // It is dated back by that much, since clocks differ.
  return { lifeMs: expiresMs - validFromDate.getTime() - LIMITS.clockSkewMs, expiresMs };
}

/**
 * When it expires, if it certifies our key; a certificate that cannot work is not used. Throws
 * `corrupt`.
 */
export function checkCertificate({ certificate, key, ca }: Credentials & { ca: string }): number {
  const parsed = parse(certificate);
  const ours = parsed.checkPrivateKey(createPrivateKey(key));
  const theirs = parsed.verify(parse(ca).publicKey);
  if (ours && theirs) return parsed.validToDate.getTime();
  throw new GdpfsError('corrupt', 'cannot use the certificate: it is not for the key made here');
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new GdpfsError('corrupt', 'cannot use the certificate: it is unreadable', { cause });
  }
}
