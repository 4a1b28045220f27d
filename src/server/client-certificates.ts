import { createPrivateKey, X509Certificate } from 'node:crypto';
import { hexDecode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseEnrolmentUri, parsePrincipalUri } from '../wire/principal.ts';
import {
  type CertificateFacts,
  CLIENT_AUTH,
  loadCertificateReader,
  readCertificateRequest,
  signCertificate,
} from '../wire/x509.ts';
import { type Issuer, randomSerial, wholeSeconds } from './issuer.ts';

/** Who a verified client certificate says its holder is. Says nothing about revocation. */
export interface ClientIdentity {
  readonly principal: string;
  /** 16 bytes. */
  readonly enrolment: Uint8Array;
  readonly serial: Uint8Array;
  readonly validFromMs: number;
  readonly expiresMs: number;
}

export interface ClientCertificateInit {
  readonly csrPem: string;
  readonly principal: string;
  /** 16 bytes. */
  readonly enrolment: Uint8Array;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly serial: Uint8Array;
  readonly expiresMs: number;
}

export interface ClientCertificates {
  /** Throws `bad_request` unless the request proves to hold an EC key. Its other claims are ignored. */
  issueClientCertificate(init: ClientCertificateInit): Promise<IssuedCertificate>;
  /**
   * Issuer, signature, use and dates, then the identity. Throws `certificate_invalid`. What it finds
   * is true for good except the dates: keep it for a connection, and call checkValidity per request.
   */
  verifyClientCertificate(certificate: Uint8Array | X509Certificate): ClientIdentity;
  /** Throws `certificate_invalid` if the certificate is not valid any more, or not yet. */
  checkValidity(identity: ClientIdentity): void;
}

export async function openClientCertificates(
  issuer: Issuer,
  clock: Clock,
): Promise<ClientCertificates> {
  const issuerKey = createPrivateKey(issuer.keyPem);
  const readFacts = await loadCertificateReader();

  function checkValidity(identity: ClientIdentity): void {
    const nowMs = clock.now();
    if (nowMs > identity.expiresMs) throw invalid(`it expired ${timeText(identity.expiresMs)}`);
    if (nowMs < identity.validFromMs) {
      throw invalid(`it is not valid before ${timeText(identity.validFromMs)}`);
    }
  }

  return {
    checkValidity,

    async issueClientCertificate({ csrPem, principal, enrolment }) {
      const publicKey = await readCertificateRequest(csrPem);
      const nowMs = clock.now();
      const serial = randomSerial();
      const expiresMs = wholeSeconds(nowMs + LIMITS.clientCertificateLifeMs);
      const certificatePem = await signCertificate({
        subject: { kind: 'client', principal, enrolment },
        publicKey,
        issuerPem: issuer.pem,
        issuerKey,
        serial,
        notBeforeMs: wholeSeconds(nowMs - LIMITS.clockSkewMs),
        notAfterMs: expiresMs,
      });
      return { certificatePem, serial, expiresMs };
    },

    verifyClientCertificate(certificate) {
      const parsed = parse(certificate);
      const authority = issuer.certificate;
      if (!parsed.checkIssued(authority) || !parsed.verify(authority.publicKey)) {
        throw invalid('it was not issued by this server');
      }
      const identity = readIdentity(readFacts(parsed.raw));
      checkValidity(identity);
      return identity;
    },
  };
}

function parse(certificate: Uint8Array | X509Certificate): X509Certificate {
  if (certificate instanceof X509Certificate) return certificate;
  try {
    return new X509Certificate(certificate);
  } catch (cause) {
    throw invalid('it cannot be read', cause);
  }
}

/** Our own signature is on it, and still: whatever is not exactly what we issue to clients is refused. */
export function readIdentity(facts: CertificateFacts): ClientIdentity {
  if (facts.isCa || facts.usages.length !== 1 || facts.usages[0] !== CLIENT_AUTH) {
    throw invalid('it is not for clients');
  }
  const [principalText = '', enrolmentText = '', ...others] = facts.uris;
  const principal = parsePrincipalUri(principalText);
  const enrolment = parseEnrolmentUri(enrolmentText);
  const serial = hexDecode(facts.serialHex);
  if (principal === undefined || enrolment === undefined || others.length > 0) {
    throw invalid('it names no principal');
  }
  if (serial === undefined) throw invalid('it has no serial number');
  const { notBeforeMs, notAfterMs } = facts;
  return { principal, enrolment, serial, validFromMs: notBeforeMs, expiresMs: notAfterMs };
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function invalid(state: string, cause?: unknown): GdpfsError {
  return new GdpfsError('certificate_invalid', `cannot accept the client certificate: ${state}`, {
    hint: 'ask an admin of the server for an invitation, then run "gdpfs login" again',
    ...(cause === undefined ? {} : { cause }),
  });
}
