/** Certificates that no server may accept, with keys that fit. */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { systemClock } from '../../src/base/clock.ts';
import { openCertificateAuthority } from '../../src/server/ca.ts';
import { loadIssuer, randomSerial, wholeSeconds } from '../../src/server/issuer.ts';
import {
  createCertificateRequest,
  generateKey,
  privateKeyPem,
  type Subject,
  signCertificate,
} from '../../src/wire/x509.ts';
import type { Pair } from './raw-request.ts';

const HOUR_MS = 3600 * 1000;

/** Signed with its own key; valid now. */
export async function selfSigned(subject: Subject): Promise<Pair> {
  const keys = generateKey();
  const cert = await signCertificate({
    subject,
    publicKey: keys.publicKey,
    issuerKey: keys.privateKey,
    serial: randomSerial(),
    notBeforeMs: wholeSeconds(Date.now() - HOUR_MS),
    notAfterMs: wholeSeconds(Date.now() + HOUR_MS),
  });
  return { cert, key: privateKeyPem(keys.privateKey) };
}

/** Signed by the authority of a server; valid until an hour after `fromMs`. */
export async function signedBy(
  keysDirectory: string,
  subject: Subject,
  fromMs: number,
): Promise<Pair> {
  const issuer = await loadIssuer(keysDirectory);
  if (issuer === undefined) throw new Error(`no authority in ${keysDirectory}`);
  const keys = generateKey();
  const cert = await signCertificate({
    subject,
    publicKey: keys.publicKey,
    issuerPem: issuer.pem,
    issuerKey: createPrivateKey(issuer.keyPem),
    serial: randomSerial(),
    notBeforeMs: wholeSeconds(fromMs),
    notAfterMs: wholeSeconds(fromMs + HOUR_MS),
  });
  return { cert, key: privateKeyPem(keys.privateKey) };
}

/** What another server, with its authority in `directory`, gives to a principal of that name. */
export async function issuedElsewhere(directory: string, principal: string): Promise<Pair> {
  const authority = await openCertificateAuthority({ directory, names: [], clock: systemClock });
  const keys = generateKey();
  const csrPem = await createCertificateRequest(keys);
  const enrolment = new Uint8Array(randomBytes(16));
  const issued = await authority.issueClientCertificate({ csrPem, principal, enrolment });
  return { cert: issued.certificatePem, key: privateKeyPem(keys.privateKey) };
}
