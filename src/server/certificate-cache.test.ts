import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { ClientIdentity } from './client-certificates.ts';
import { CertificateCache } from './certificate-cache.ts';

function identity(principal: string): ClientIdentity {
  const bytes = new Uint8Array(16);
  return {
    principal,
    enrolment: bytes,
    serial: bytes,
    isExternal: false,
    validFromMs: 0,
    expiresMs: 1,
  };
}

test('CertificateCache holds as much as it may and drops the one longest unused', () => {
  const cache = new CertificateCache<ClientIdentity>();
  for (let index = 0; index < LIMITS.knownCertificatesMax; index++) {
    cache.set(`header-${index}`, identity(`p${index}`));
  }
  assert.equal(cache.get('header-0')?.principal, 'p0');
  cache.set('one more', identity('more'));
  assert.equal(cache.size, LIMITS.knownCertificatesMax);
  assert.equal(cache.get('header-1'), undefined);
  assert.equal(cache.get('header-0')?.principal, 'p0');
  assert.equal(cache.get('one more')?.principal, 'more');
});
