import { X509Certificate } from 'node:crypto';
import { sha256Parts } from '../base/digest.ts';
import { utf8Encode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { ENROLMENT_BYTES, isPrincipalName } from '../wire/principal.ts';
import { readPrivateFile } from '../wire/private-file.ts';
import { type CertificateFacts, CLIENT_AUTH } from '../wire/x509.ts';

/**
 * An authority of somebody else whose certificates clients may come with. It says who they are, and
 * whoever it says can be anybody here except for a proxy.
 */
export interface ClientAuthority {
  readonly certificate: X509Certificate;
  readonly pem: string;
  /** In front of a principal's name in a URI of the subject alternative names. */
  readonly uriPrefix: string;
}

/** Throws `usage` for a file that is no certificate of an authority, `local_io`. */
export async function loadClientAuthority(
  file: string,
  uriPrefix: string,
): Promise<ClientAuthority> {
  const pem = await readPrivateFile(file);
  const object = `client authority ${JSON.stringify(file)}`;
  if (pem === undefined) throw new GdpfsError('usage', `cannot use ${object}: it does not exist`);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new GdpfsError('usage', `cannot use ${object}: it is no certificate`, { cause });
  }
  if (certificate.ca) return { certificate, pem, uriPrefix };
  throw new GdpfsError('usage', `cannot use ${object}: it is not that of an authority`);
}

/** Did the authority, which must still be valid itself, issue the certificate? */
export function isIssuedBy(
  { certificate: authority }: ClientAuthority,
  certificate: X509Certificate,
  nowMs: number,
): boolean {
  if (nowMs > authority.validToDate.getTime()) return false;
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Why a certificate of such an authority does not say who its holder is, or whom it names. */
export function readClientName(
  { uriPrefix }: ClientAuthority,
  { isCa, usages, uris }: CertificateFacts,
): { readonly principal: string } | { readonly fault: string } {
  if (isCa || !usages.includes(CLIENT_AUTH)) return { fault: 'it is not for clients' };
  const names = uris.filter((uri) => uri.startsWith(uriPrefix));
  const principal = names[0]?.slice(uriPrefix.length) ?? '';
  if (names.length === 1 && isPrincipalName(principal)) return { principal };
  return { fault: `it names no principal: need one URI "${uriPrefix}NAME"` };
}

/** Stands for the enrolment that such a certificate does not have: that of itself alone. */
export function enrolmentOf({ certificate }: ClientAuthority, serialHex: string): Uint8Array {
  const parts = [utf8Encode('gdpfs/v1 external certificate\n'), certificate.raw];
  return sha256Parts([...parts, utf8Encode(serialHex)]).subarray(0, ENROLMENT_BYTES);
}
