import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { ClientIdentity } from './client-certificates.ts';
import { IdentityCache } from './identity-cache.ts';

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

test('IdentityCache holds a bounded number of identities and drops the one longest unused', () => {
  const cache = new IdentityCache();
  for (let index = 0; index < LIMITS.forwardedIdentitiesMax; index++) {
    cache.set(`header-${index}`, identity(`p${index}`));
  }
  assert.equal(cache.get('header-0')?.principal, 'p0');
  cache.set('one more', identity('more'));
  assert.equal(cache.size, LIMITS.forwardedIdentitiesMax);
  assert.equal(cache.get('header-1'), undefined);
  assert.equal(cache.get('header-0')?.principal, 'p0');
  assert.equal(cache.get('one more')?.principal, 'more');
});
