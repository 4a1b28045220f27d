import { GdpfsError } from '../base/errors.ts';
import type { Enrollment, EnrollRequest } from '../wire/generated/api.ts';
import { isPrincipalName } from '../wire/principal.ts';
import { decodeToken } from '../wire/token.ts';
import { createCertificateRequest, generateKey, privateKeyPem } from '../wire/x509.ts';
import { checkCertificate } from './credentials.ts';
import { fetchAuthority } from './first-contact.ts';
import { checkProfileName, type Home } from './home.ts';
import { jsonOf, openSession } from './session.ts';

export interface EnrollOptions {
  /** `https://host:port`, as a person types it. */
  readonly url: string;
  /** An invitation. It is good for one enrolment. */
  readonly token: string;
  /** Name of the profile to make or replace. */
  readonly profile: string;
}

export interface Enrolled {
  readonly profile: string;
  readonly url: string;
  readonly principal: string;
  readonly expiresMs: number;
}

/**
 * Makes a key, has it certified by the server that the token is from, and stores both as a profile.
 * The key never leaves this machine, and the token goes to no server but that one. Throws
 * `bad_token`, `untrusted`, `unavailable`, `usage`.
 */
export async function enroll(home: Home, options: EnrollOptions): Promise<Enrolled> {
  const url = serverUrl(options.url);
  checkProfileName(options.profile);
  const { caFingerprint } = decodeToken(options.token);
  await home.prepare();
  const ca = await fetchAuthority(url, caFingerprint);
  const keys = generateKey();
  const request = { token: options.token, csr: await createCertificateRequest(keys) };
  const key = privateKeyPem(keys.privateKey);
  const { certificate, principal } = await requestCertificate({ url, ca, request });
  const expiresMs = checkCertificate({ certificate, ca, key });
  await home.saveProfile({ name: options.profile, url, principal, ca, certificate, key });
  return { profile: options.profile, url, principal, expiresMs };
}

/** `https://host:port` and nothing else. Throws `usage`. */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
  if (!isPlain || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    const object = `server address ${JSON.stringify(text)}`;
    throw new GdpfsError('usage', `cannot use the ${object}: need "https://HOST:PORT"`);
  }
  return url.origin;
}

interface EnrollmentCall {
  readonly url: string;
  readonly ca: string;
  readonly request: EnrollRequest;
}

async function requestCertificate({ url, ca, request }: EnrollmentCall): Promise<Enrollment> {
  await using session = openSession({ url, ca });
  const route = '/api/v1/enroll';
  const answer = jsonOf<Enrollment>(
    await session.request({ method: 'POST', route, json: request }),
  );
  if (!isPrincipalName(answer.principal)) {
    throw new GdpfsError('corrupt', 'cannot use response: it names no principal');
  }
  return answer;
}
