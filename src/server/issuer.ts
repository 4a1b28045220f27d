import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { hexEncode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { readPrivateFile, writePrivateFile } from '../wire/private-file.ts';
import { generateKey, privateKeyPem, signCertificate } from '../wire/x509.ts';

/** Bytes of a certificate's serial number. */
const SERIAL_BYTES = 16;

/** The CA's own certificate and key: what every other certificate is made and checked with. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly keyPem: string;
}

/** Undefined on a first start, and on one that a crash cut short before the certificate was there. */
export async function loadIssuer(directory: string): Promise<Issuer | undefined> {
  const pem = await readPrivateFile(join(directory, 'ca.crt'));
  if (pem === undefined) return undefined;
  const keyPem = await readPrivateFile(join(directory, 'ca.key'));
  if (keyPem === undefined) throw damaged(directory, '"ca.key" is missing');
  try {
    const certificate = new X509Certificate(pem);
    if (certificate.checkPrivateKey(createPrivateKey(keyPem))) return { certificate, pem, keyPem };
  } catch (cause) {
    throw damaged(directory, '"ca.crt" or "ca.key" cannot be read', cause);
  }
  throw damaged(directory, '"ca.key" is not the key of "ca.crt"');
}

export async function createIssuer(directory: string, clock: Clock): Promise<Issuer> {
  const keys = generateKey();
  const nowMs = clock.now();
  const pem = await signCertificate({
    // The name tells this authority from others in a trust store.
    subject: { kind: 'ca', name: `gdpfs CA ${hexEncode(randomBytes(4))}` },
    publicKey: keys.publicKey,
    issuerKey: keys.privateKey,
    serial: randomSerial(),
    notBeforeMs: wholeSeconds(nowMs - LIMITS.clockSkewMs),
    notAfterMs: wholeSeconds(nowMs + LIMITS.caLifeMs),
  });
  const keyPem = privateKeyPem(keys.privateKey);
  // The certificate comes last: the authority exists from the moment that it does.
  await writePrivateFile(join(directory, 'ca.key'), keyPem);
  await writePrivateFile(join(directory, 'ca.crt'), pem);
  return { certificate: new X509Certificate(pem), pem, keyPem };
}

function damaged(directory: string, state: string, cause?: unknown): GdpfsError {
  const where = JSON.stringify(directory);
  return new GdpfsError('corrupt', `cannot open the certificate authority in ${where}: ${state}`, {
    hint: 'restore the keys from a backup; without them every user must enrol again',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Positive and always SERIAL_BYTES long (RFC 5280 section 4.1.2.2). */
export function randomSerial(): Uint8Array {
  const serial = new Uint8Array(randomBytes(SERIAL_BYTES));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** Certificates know no fractions of a second. */
export function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000) * 1000;
}
