import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { bytesEqual } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { networkError } from './network-error.ts';

/** A server's chain is its certificate and its CA's; more are not looked at. */
const CHAIN_COUNT_MAX = 8;

/**
 * The CA certificate (PEM) with this SHA-256 fingerprint, as the server at `url` presents it. Sends
 * nothing: that the server holds a certificate from that CA is for the next connection to check,
 * which trusts this CA alone. Throws `untrusted` if the server presents no such certificate.
 */
export async function fetchAuthority(url: string, fingerprint: Uint8Array): Promise<string> {
  for (const certificate of await presentedChain(url)) {
    if (bytesEqual(sha256(certificate.raw), fingerprint)) return certificate.toString();
  }
  throw new GdpfsError(
    'untrusted',
    `cannot trust "${url}": it is not the server that the token was made by`,
    { hint: 'check the address; if it is right, somebody may be listening in' },
  );
}

/** What the server presents, unverified, from its own certificate up to the last issuer it sent. */
async function presentedChain(url: string): Promise<X509Certificate[]> {
  const leaf = await presentedCertificate(url);
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length < CHAIN_COUNT_MAX; ) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function presentedCertificate(url: string): Promise<X509Certificate | undefined> {
  const { hostname, port } = new URL(url);
  // The brackets of an IPv6 address belong to the URL.
  const host = hostname.replace(/^\[|\]$/g, '');
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate | undefined>();
  const socket = connect({
    host,
    port: port === '' ? 443 : Number(port),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: 'TLSv1.3',
    // Nothing is believed and nothing is said on this connection.
    rejectUnauthorized: false,
    timeout: LIMITS.connectTimeoutMs,
  });
  socket.on('secureConnect', () => resolve(socket.getPeerX509Certificate()));
  socket.on('timeout', () => {
    reject(new GdpfsError('unavailable', `cannot reach "${url}": it does not answer`));
  });
  socket.on('error', (error) => reject(networkError(error, url)));
  return promise.finally(() => socket.destroy());
}
