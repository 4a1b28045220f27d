import { createPrivateKey, X509Certificate } from 'node:crypto';
import { bytesEqual, hexDecode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseEnrolmentUri, parsePrincipalUri, parseProxyUri } from '../wire/principal.ts';
import {
  type CertificateFacts,
  CLIENT_AUTH,
  loadCertificateReader,
  readCertificateRequest,
  signCertificate,
} from '../wire/x509.ts';
import { CertificateCache } from './certificate-cache.ts';
import {
  type ClientAuthority,
  enrolmentOf,
  isIssuedBy,
  readClientName,
} from './client-authority.ts';
import { type Issuer, randomSerial, wholeSeconds } from './issuer.ts';

/** When a certificate is valid; both times belong to it. */
export interface Validity {
  readonly validFromMs: number;
  readonly expiresMs: number;
}

/** Which proxy a verified certificate was made for. */
export interface ProxyIdentity extends Validity {
  readonly name: string;
}

/** Who a verified client certificate says its holder is. Says nothing about revocation. */
export interface ClientIdentity extends Validity {
  readonly principal: string;
  /** 16 bytes. */
  readonly enrolment: Uint8Array;
  readonly serial: Uint8Array;
  /** Issued by an authority of somebody else: nothing here renews it. */
  readonly isExternal: boolean;
}

export interface ClientCertificateInit {
  readonly csrPem: string;
  readonly principal: string;
  /** 16 bytes. */
  readonly enrolment: Uint8Array;
  /** That of LIMITS if absent; never longer than the authority's. */
  readonly lifeMs?: number;
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
  verifyClientCertificate(
    certificate: Uint8Array | X509Certificate,
    graceMs?: number,
  ): ClientIdentity;
  /**
   * Throws `certificate_invalid` if the certificate is not valid any more, not even `graceMs` later, or
   * not yet.
   */
  checkValidity(identity: Validity, graceMs?: number): void;
  /**
   * Issuer, signature and use of a proxy's certificate; undefined for any other. The dates are for
   * the caller to check: a proxy whose certificate is too old is to be told so.
   */
  readProxyCertificate(certificate: X509Certificate): ProxyIdentity | undefined;
}

export async function openClientCertificates(
  issuer: Issuer,
  { clock, external }: { readonly clock: Clock; readonly external?: ClientAuthority | undefined },
): Promise<ClientCertificates> {
  const issuerKey = createPrivateKey(issuer.keyPem);
  const readFacts = rememberFacts(await loadCertificateReader());

  function checkValidity({ validFromMs, expiresMs }: Validity, graceMs = 0): void {
    const nowMs = clock.now();
    const isInGrace = nowMs > expiresMs && nowMs <= expiresMs + graceMs;
    const state = isInGrace ? undefined : invalidState({ validFromMs, expiresMs }, nowMs);
    if (state !== undefined) throw invalid(state);
  }

  function isIssuedHere(certificate: X509Certificate): boolean {
    const authority = issuer.certificate;
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  }

  return {
    checkValidity,

    async issueClientCertificate({ csrPem, principal, enrolment, lifeMs }) {
      const publicKey = await readCertificateRequest(csrPem);
      const nowMs = clock.now();
      const serial = randomSerial();
      const wantedMs = nowMs + (lifeMs ?? LIMITS.clientCertificateLifeMs);
      const authorityEndMs = issuer.certificate.validToDate.getTime();
      const expiresMs = wholeSeconds(Math.min(wantedMs, authorityEndMs));
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

    verifyClientCertificate(certificate, graceMs = 0) {
      const parsed = parse(certificate);
      if (isIssuedHere(parsed)) {
        const identity = readIdentity(readFacts(parsed.raw));
        checkValidity(identity, graceMs);
        return identity;
      }
      if (external === undefined || !isIssuedBy(external, parsed, clock.now())) {
        throw invalid('it was not issued by this server, nor by an authority that it trusts');
      }
      const identity = readExternalIdentity(external, readFacts(parsed.raw));
      checkValidity(identity);
      return identity;
    },

    readProxyCertificate(certificate) {
      if (!isIssuedHere(certificate)) return undefined;
      const { isCa, usages, uris, notBeforeMs, notAfterMs } = readFacts(certificate.raw);
      const [uri = '', ...others] = uris;
      const name = parseProxyUri(uri);
      if (name === undefined || others.length > 0 || !isForClients({ isCa, usages })) {
        return undefined;
      }
      return { name, validFromMs: notBeforeMs, expiresMs: notAfterMs };
    },
  };
}

/** Every connection of a client shows the same certificate, and reading one takes milliseconds. */
function rememberFacts(
  read: (der: Uint8Array) => CertificateFacts,
): (der: Buffer) => CertificateFacts {
  const known = new CertificateCache<CertificateFacts>();
  return (der) => {
    const name = der.toString('latin1');
    const facts = known.get(name) ?? read(der);
    known.set(name, facts);
    return facts;
  };
}

/** Why a certificate is not valid at `nowMs`; undefined if it is. */
export function invalidState(
  { validFromMs, expiresMs }: Validity,
  nowMs: number,
): string | undefined {
  if (nowMs > expiresMs) return `it expired ${timeText(expiresMs)}`;
  if (nowMs < validFromMs) return `it is not valid before ${timeText(validFromMs)}`;
  return undefined;
}

function isForClients({ isCa, usages }: Pick<CertificateFacts, 'isCa' | 'usages'>): boolean {
  return !isCa && usages.length === 1 && usages[0] === CLIENT_AUTH;
}

function parse(certificate: Uint8Array | X509Certificate): X509Certificate {
  if (certificate instanceof X509Certificate) return certificate;
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (cause) {
    throw invalid('it cannot be read', cause);
  }
  // OpenSSL also takes PEM, and stops reading behind the certificate.
  if (!bytesEqual(parsed.raw, certificate)) throw invalid('it cannot be read');
  return parsed;
}

/** Our own signature is on it, and still: whatever is not exactly what we issue to clients is refused. */
export function readIdentity(facts: CertificateFacts): ClientIdentity {
  if (!isForClients(facts)) throw invalid('it is not for clients');
  const [principalText = '', enrolmentText = '', ...others] = facts.uris;
  const principal = parsePrincipalUri(principalText);
  const enrolment = parseEnrolmentUri(enrolmentText);
  const serial = hexDecode(facts.serialHex);
  if (principal === undefined || enrolment === undefined || others.length > 0) {
    throw invalid('it names no principal');
  }
  if (serial === undefined) throw invalid('it has no serial number');
  const { notBeforeMs, notAfterMs } = facts;
  const dates = { validFromMs: notBeforeMs, expiresMs: notAfterMs };
  return { principal, enrolment, serial, isExternal: false, ...dates };
}

function readExternalIdentity(external: ClientAuthority, facts: CertificateFacts): ClientIdentity {
  const named = readClientName(external, facts);
  if ('fault' in named) throw invalid(named.fault);
  const { serialHex, notBeforeMs, notAfterMs } = facts;
  const serial = hexDecode(serialHex);
  if (serial === undefined) throw invalid('it has no serial number');
  const enrolment = enrolmentOf(external, serialHex);
  const dates = { validFromMs: notBeforeMs, expiresMs: notAfterMs };
  return { principal: named.principal, enrolment, serial, isExternal: true, ...dates };
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
