import { hexDecode, hexEncode } from '../base/bytes.ts';
import { assert } from '../base/errors.ts';

/** 1..64 characters (LIMITS.principalLengthMax): safe in a URI, a file name and a log line. */
const PRINCIPAL_NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
/** What such a name must be, in words, behind "need". */
export const PRINCIPAL_NAME_NEED =
  '1 to 64 of a-z, 0-9, ".", "_", "@" and "-", the first a letter or digit';
const PRINCIPAL_URI = 'gdpfs://principal/';
const PROXY_URI = 'gdpfs://proxy/';
const ENROLMENT_URI = 'gdpfs://enrolment/';

/** Bytes of an enrolment id: random, made at enrolment, the same through all renewals. */
export const ENROLMENT_BYTES = 16;

export function isPrincipalName(text: string): boolean {
  return PRINCIPAL_NAME.test(text);
}

/** The URI that names a principal in a certificate's subject alternative names (DESIGN §8). */
export function principalUri(name: string): string {
  assert(isPrincipalName(name), `principal name "${name}"`);
  return PRINCIPAL_URI + name;
}

/** Undefined unless `uri` is what `principalUri` writes for some name. */
export function parsePrincipalUri(uri: string): string | undefined {
  if (!uri.startsWith(PRINCIPAL_URI)) return undefined;
  const name = uri.slice(PRINCIPAL_URI.length);
  return isPrincipalName(name) ? name : undefined;
}

/**
 * The URI that names a proxy that clients reach the server through. Such a certificate is nobody's
 * identity: it says whose word about an identity comes over the connection. Named as principals are.
 */
export function proxyUri(name: string): string {
  assert(isPrincipalName(name), `proxy name "${name}"`);
  return PROXY_URI + name;
}

/** Undefined unless `uri` is what `proxyUri` writes for some name. */
export function parseProxyUri(uri: string): string | undefined {
  if (!uri.startsWith(PROXY_URI)) return undefined;
  const name = uri.slice(PROXY_URI.length);
  return isPrincipalName(name) ? name : undefined;
}

/** The URI that ties a certificate to the enrolment it came from, so that this can be revoked. */
export function enrolmentUri(enrolment: Uint8Array): string {
  assert(enrolment.length === ENROLMENT_BYTES, 'an enrolment id is 16 bytes');
  return ENROLMENT_URI + hexEncode(enrolment);
}

/** Undefined unless `uri` is what `enrolmentUri` writes for some id. */
export function parseEnrolmentUri(uri: string): Uint8Array<ArrayBuffer> | undefined {
  if (uri.length !== ENROLMENT_URI.length + 2 * ENROLMENT_BYTES) return undefined;
  if (!uri.startsWith(ENROLMENT_URI)) return undefined;
  return hexDecode(uri.slice(ENROLMENT_URI.length));
}
