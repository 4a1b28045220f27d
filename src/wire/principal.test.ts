import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { LIMITS } from '../base/limits.ts';
import {
  ENROLMENT_BYTES,
  enrolmentUri,
  isPrincipalName,
  parseEnrolmentUri,
  parsePrincipalUri,
  parseProxyUri,
  principalUri,
  proxyUri,
} from './principal.ts';

test('isPrincipalName() accepts letters, digits, dots, at signs, dashes and underscores', () => {
  const longest = 'a'.repeat(LIMITS.principalLengthMax);
  for (const name of ['a', '7', 'alice', 'ci-1', 'alice@example.org', 'a_b', longest]) {
    assert.equal(isPrincipalName(name), true, name);
  }
});

test('isPrincipalName() refuses everything that could be read as something else', () => {
  const tooLong = 'a'.repeat(LIMITS.principalLengthMax + 1);
  for (const name of [
    '',
    'Alice',
    '.alice',
    '-a',
    '@a',
    'a/b',
    'a b',
    'a,b',
    'é',
    'a\n',
    'a\0',
    tooLong,
  ]) {
    assert.equal(isPrincipalName(name), false, JSON.stringify(name));
  }
});

test('parsePrincipalUri() returns the name that principalUri() wrote, and nothing for other texts', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._@-]{0,63}$/);
  fc.assert(fc.property(name, (text) => parsePrincipalUri(principalUri(text)) === text));
  for (const uri of [
    'gdpfs://principal/',
    'gdpfs://principal/Alice',
    'gdpfs://principal/alice/x',
    'gdpfs://principal/alice, URI:gdpfs://principal/root',
    'gdpfs://principal/alice\n',
    'http://principal/alice',
    ' gdpfs://principal/alice',
  ]) {
    assert.equal(parsePrincipalUri(uri), undefined, uri);
  }
});

test('parseEnrolmentUri() returns the id that enrolmentUri() wrote, and nothing for other texts', () => {
  const id = fc.uint8Array({ minLength: ENROLMENT_BYTES, maxLength: ENROLMENT_BYTES });
  fc.assert(
    fc.property(id, (bytes) => {
      assert.deepEqual(parseEnrolmentUri(enrolmentUri(bytes)), new Uint8Array(bytes));
    }),
  );
  const uri = enrolmentUri(new Uint8Array(ENROLMENT_BYTES));
  for (const bad of [
    `${uri}0`,
    uri.slice(0, -1),
    uri.replace('0', 'g'),
    uri.replace('gdpfs', 'GDPFS'),
  ]) {
    assert.equal(parseEnrolmentUri(bad), undefined, bad);
  }
});

test('parseProxyUri() reads what proxyUri() writes, and no principal is a proxy', () => {
  assert.equal(parseProxyUri(proxyUri('edge-1')), 'edge-1');
  assert.equal(parsePrincipalUri(proxyUri('edge-1')), undefined);
  for (const uri of [
    principalUri('edge-1'),
    'gdpfs://proxy/',
    'gdpfs://proxy/A',
    'gdpfs://proxy/a/b',
  ]) {
    assert.equal(parseProxyUri(uri), undefined, uri);
  }
});
