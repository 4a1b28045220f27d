import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { needProgram } from './programs.ts';

export interface Certificate {
  /** Files in PEM. Clients trust the certificate itself: it is signed with its own key. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for the servers of peers, ECDSA as that of gdpfs. */
export function makeCertificate(folder: string, host: string): Certificate {
  const certificate = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  const options = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=gdpfs benchmark', '-addext', `subjectAltName=IP:${host}`];
  const files = ['-days', '2', '-keyout', key, '-out', certificate];
  const argv = ['req', ...options, ...subject, ...files];
  execFileSync(needProgram('openssl'), argv, { stdio: 'ignore' });
  return { certificate, key };
}
