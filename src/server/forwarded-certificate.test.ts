import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  decodeForwardedCertificate,
  FORWARDING_FORMS,
  type ForwardingForm,
  IDENTITY_HEADERS,
} from './forwarded-certificate.ts';

const DER = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) % 256);

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** As the proxies do it. */
const ENCODERS: Record<ForwardingForm, (der: Uint8Array) => string> = {
  nginx: (der) => encodeURIComponent(pemOf(der)),
  rfc9440: (der) => `:${Buffer.from(der).toString('base64')}:`,
  xfcc: (der) =>
    `Hash=0123abcd;Cert="${encodeURIComponent(pemOf(der))}";Subject="CN=\\"a,b;Cert=c\\"";URI=gdpfs://principal/a`,
};
const FORMS = Object.keys(FORWARDING_FORMS) as ForwardingForm[];

function refuses(form: ForwardingForm, value: string): void {
  assert.throws(
    () => decodeForwardedCertificate(form, value),
    (error) =>
      isGdpfsError(error, 'bad_request') && /forwarded certificate: it/.test(error.message),
    `${form}: ${value.slice(0, 80)}`,
  );
}

test('decodeForwardedCertificate() gives back the bytes that a proxy wrote down', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc.constantFrom(...FORMS),
      (der, form) => {
        const decoded = decodeForwardedCertificate(form, ENCODERS[form](der));
        assert.deepEqual(new Uint8Array(decoded), der);
      },
    ),
  );
});

test('decodeForwardedCertificate() refuses every form but the one expected', () => {
  for (const expected of FORMS) {
    for (const other of FORMS) {
      if (other !== expected) refuses(expected, ENCODERS[other](DER));
    }
  }
});

test('decodeForwardedCertificate() refuses any text whatever without another error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.constantFrom(...FORMS), (value, form) =>
      refuses(form, value),
    ),
  );
});

test('decodeForwardedCertificate() refuses what is cut, doubled, longer or differently written', () => {
  for (const form of FORMS) {
    const encoded = ENCODERS[form](DER);
    // Of the pairs of this form the others may be anything.
    const good = form === 'xfcc' ? (/Cert="[^"]+"/.exec(encoded)?.[0] ?? '') : encoded;
    const rows = [
      good.slice(0, -1),
      good.slice(1),
      `${good}, ${good}`,
      `${good},${good}`,
      `${good} ${good}`,
      `${good};${good}`,
      ` ${good}`,
      `${good}\t`,
      good.replace(/[A-Za-z0-9]{4}/, '$&*'),
    ];
    for (const row of rows) refuses(form, row);
    refuses(form, 'A'.repeat(LIMITS.forwardedCertificateLengthMax + 1));
  }
  const pem = pemOf(DER);
  for (const text of [pem + pem, `x${pem}`, `${pem}x`, pem.replaceAll('CERTIFICATE', 'X509 CRL')]) {
    refuses('nginx', encodeURIComponent(text));
    refuses('xfcc', `Cert="${encodeURIComponent(text)}"`);
  }
  refuses('nginx', pem);
  refuses('nginx', `"${encodeURIComponent(pem)}"`);
  refuses('rfc9440', '::');
  refuses('rfc9440', ':QR==:');
  refuses('xfcc', 'Hash=1;URI=gdpfs://principal/a');
  refuses('xfcc', `Cert="${encodeURIComponent(pem)}";cert="${encodeURIComponent(pem)}"`);
});

test('IDENTITY_HEADERS has the field of each form, in the spelling that Node gives them', () => {
  for (const form of FORMS) assert(IDENTITY_HEADERS.has(FORWARDING_FORMS[form].header));
  assert(IDENTITY_HEADERS.has('client-cert-chain'));
  for (const name of IDENTITY_HEADERS) assert.equal(name, name.toLowerCase());
});
