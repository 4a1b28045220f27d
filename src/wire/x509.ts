/**
 * X.509 as gdpfs uses it: ECDSA on P-256, four kinds of certificates, requests that carry nothing
 * but a key. The only place that knows the library; it is loaded on first use, because few commands
 * need it and none should start slower for it.
 */

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type * as Library from '@peculiar/x509';
import { asBuffer, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { enrolmentUri, principalUri, proxyUri } from './principal.ts';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };
/** RFC 5280 section 4.2.1.12. */
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** Whom a certificate is for; decides its extensions. */
export type Subject =
  | { readonly kind: 'ca'; readonly name: string }
  /** DNS names and IP addresses. */
  | { readonly kind: 'server'; readonly names: readonly string[] }
  | { readonly kind: 'client'; readonly principal: string; readonly enrolment: Uint8Array }
  /** What a proxy shows to the server behind it. */
  | { readonly kind: 'proxy'; readonly name: string };

export interface CertificateInit {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  /** The issuer's certificate (PEM); absent: the certificate signs itself. */
  readonly issuerPem?: string;
  readonly issuerKey: KeyObject;
  /** Positive, at most 20 bytes (RFC 5280 section 4.1.2.2). */
  readonly serial: Uint8Array;
  /** Whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a certificate says, parsed from its DER, never from a printed form (CVE-2021-44532). */
export interface CertificateFacts {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serialHex: string;
  readonly isCa: boolean;
  /** OIDs of the extended key usages. */
  readonly usages: readonly string[];
  /** URIs of the subject alternative names. */
  readonly uris: readonly string[];
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function generateKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS #8. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** PEM. */
export async function signCertificate(init: CertificateInit): Promise<string> {
  const library = await loadLibrary();
  const { subject, publicKey, issuerPem } = init;
  const issuer = issuerPem === undefined ? undefined : new library.X509Certificate(issuerPem);
  const spki = publicKeyDer(publicKey);
  const name = subjectName(subject);
  const certificate = await library.X509CertificateGenerator.create({
    serialNumber: hexEncode(init.serial),
    subject: name,
    issuer: issuer?.subjectName ?? name,
    notBefore: new Date(init.notBeforeMs),
    notAfter: new Date(init.notAfterMs),
    publicKey: spki,
    signingKey: init.issuerKey.toCryptoKey(KEY_ALGORITHM, false, ['sign']),
    signingAlgorithm: SIGNATURE_ALGORITHM,
    extensions: [
      ...subjectExtensions(library, subject),
      await library.SubjectKeyIdentifierExtension.create(spki),
      await library.AuthorityKeyIdentifierExtension.create(issuer?.publicKey ?? spki),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A request (PKCS #10, PEM) that says nothing but "this is my key"; the issuer decides the rest. */
export async function createCertificateRequest(keys: KeyPair): Promise<string> {
  const library = await loadLibrary();
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    keys: {
      publicKey: keys.publicKey.toCryptoKey(KEY_ALGORITHM, true, ['verify']),
      privateKey: keys.privateKey.toCryptoKey(KEY_ALGORITHM, false, ['sign']),
    },
    signingAlgorithm: SIGNATURE_ALGORITHM,
  });
  return `${request.toString('pem')}\n`;
}

/** The key of a request that proves to hold it; throws `bad_request` for any other text or key. */
export async function readCertificateRequest(csrPem: string): Promise<KeyObject> {
  const library = await loadLibrary();
  let request: Library.Pkcs10CertificateRequest;
  let proven: boolean;
  try {
    request = new library.Pkcs10CertificateRequest(csrPem);
    proven = await request.verify();
  } catch (cause) {
    throw badRequest('it is not PKCS #10 in PEM', { cause });
  }
  if (!proven) throw badRequest('its signature is not by its own key');
  const publicKey = createPublicKey({
    key: asBuffer(new Uint8Array(request.publicKey.rawData)),
    format: 'der',
    type: 'spki',
  });
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? publicKey.asymmetricKeyType;
  if (curve !== 'prime256v1' && curve !== 'secp384r1') {
    throw badRequest(`its key is "${curve}", need an elliptic curve key on P-256 or P-384`);
  }
  return publicKey;
}

/**
 * A function that reads certificates (DER) without waiting, so that a server can do it wherever a
 * request needs it. That function throws any error for bytes that are no certificate.
 */
export async function loadCertificateReader(): Promise<(der: Uint8Array) => CertificateFacts> {
  const library = await loadLibrary();
  return (der) => {
    const certificate = new library.X509Certificate(asBuffer(der));
    const alternatives = certificate.getExtensions(library.SubjectAlternativeNameExtension);
    const usages = certificate.getExtensions(library.ExtendedKeyUsageExtension);
    const constraints = certificate.getExtensions(library.BasicConstraintsExtension);
    return {
      notBeforeMs: certificate.notBefore.getTime(),
      notAfterMs: certificate.notAfter.getTime(),
      serialHex: certificate.serialNumber,
      isCa: constraints.some((extension) => extension.ca),
      usages: usages.flatMap((extension) => extension.usages.map(String)),
      uris: alternatives.flatMap((extension) =>
        extension.names.items.filter((name) => name.type === 'url').map((name) => name.value),
      ),
    };
  };
}

/** For people and their tools; nothing in gdpfs reads it. */
function subjectName(subject: Subject): Library.JsonName {
  switch (subject.kind) {
    case 'ca':
      return [{ CN: [subject.name] }];
    case 'server':
      return [{ CN: ['gdpfs server'] }];
    case 'client':
      return [{ CN: [subject.principal] }];
    case 'proxy':
      return [{ CN: [`gdpfs proxy ${subject.name}`] }];
  }
}

/** RFC 5280 section 4.2.1. */
function subjectExtensions(library: typeof Library, subject: Subject): Library.Extension[] {
  const { BasicConstraintsExtension, ExtendedKeyUsageExtension, KeyUsageFlags } = library;
  const { KeyUsagesExtension, SubjectAlternativeNameExtension } = library;
  if (subject.kind === 'ca') {
    return [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ];
  }
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([subject.kind === 'server' ? SERVER_AUTH : CLIENT_AUTH]),
    new SubjectAlternativeNameExtension(alternativeNames(subject)),
  ];
}

function alternativeNames(subject: Exclude<Subject, { kind: 'ca' }>): Library.JsonGeneralNames {
  switch (subject.kind) {
    case 'server':
      return subject.names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
    case 'client':
      return [
        { type: 'url', value: principalUri(subject.principal) },
        { type: 'url', value: enrolmentUri(subject.enrolment) },
      ];
    case 'proxy':
      return [{ type: 'url', value: proxyUri(subject.name) }];
  }
}

function publicKeyDer(key: KeyObject): Buffer<ArrayBuffer> {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }));
}

function badRequest(state: string, options: { cause?: unknown } = {}): GdpfsError {
  return new GdpfsError('bad_request', `cannot read the certificate request: ${state}`, options);
}

let loading: Promise<typeof Library> | undefined;

function loadLibrary(): Promise<typeof Library> {
  loading ??= importLibrary();
  return loading;
}

/**
 * The library's dependency container wants the reflect-metadata API while it loads, and asks it only
 * for constructor parameters that no class there has. So "none" is the whole answer, and it is taken
 * away again: an application around us may bring the real one.
 */
async function importLibrary(): Promise<typeof Library> {
  const reflect = Reflect as { getMetadata?: unknown; getOwnMetadata?: unknown };
  if (reflect.getMetadata !== undefined) return import('@peculiar/x509');
  reflect.getMetadata = () => undefined;
  reflect.getOwnMetadata = () => undefined;
  try {
    return await import('@peculiar/x509');
  } finally {
    delete reflect.getMetadata;
    delete reflect.getOwnMetadata;
  }
}
