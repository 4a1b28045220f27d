import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { parseTrustedProxies } from './trusted-proxy.ts';

test('parseTrustedProxies() reads names and forms', () => {
  assert.deepEqual(parseTrustedProxies([]), new Map());
  assert.deepEqual(
    parseTrustedProxies(['edge=nginx', 'inner=rfc9440']),
    new Map([
      ['edge', 'nginx'],
      ['inner', 'rfc9440'],
    ]),
  );
});

test('parseTrustedProxies() refuses other names and forms, and a proxy with two', () => {
  const rows = [
    [''],
    ['edge'],
    ['edge='],
    ['=nginx'],
    ['edge=apache'],
    ['edge=toString'],
    ['edge=nginx=xfcc'],
    ['Edge=nginx'],
    ['edge=nginx', 'edge=xfcc'],
  ];
  for (const row of rows) {
    assert.throws(
      () => parseTrustedProxies(row),
      (error) => isGdpfsError(error, 'usage') && error.message.startsWith('cannot trust the proxy'),
      row.join(),
    );
  }
});
