import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** How a proxy writes down the certificate of its client. */
export type ForwardingForm = keyof typeof FORWARDING_FORMS;

/** Names of the trusted proxies, and in which form each forwards certificates. */
export type TrustedProxies = ReadonlyMap<string, ForwardingForm>;

interface ForwardingFormTraits {
  /** The header field, in lower case. */
  readonly header: string;
  /** A field that may come with it, and says nothing that is needed here. */
  readonly companion?: string;
  /** The certificate (DER) in a value of the field. Throws `bad_request`. */
  decode(value: string): Uint8Array;
}

const HEX = 16;
const PEM =
  /^-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----(?:\r?\n)?$/;
/** RFC 3986, section 2: nothing but unreserved characters and percent-encoded ones. */
const PERCENT_ENCODED = /^(?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2})+$/;
/** RFC 8941, section 3.3.5. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;

export const FORWARDING_FORMS = {
  /** `$ssl_client_escaped_cert` of nginx and ingress-nginx: percent-encoded PEM. */
  nginx: { header: 'ssl-client-cert', decode: decodeEscapedPem },
  /** RFC 9440, which HAProxy can write: base64 of the DER between colons. */
  rfc9440: {
    header: 'client-cert',
    companion: 'client-cert-chain',
    decode(value) {
      const [, text] = BYTE_SEQUENCE.exec(value) ?? [];
      if (text === undefined) throw unreadable('it is not a byte sequence of RFC 9440');
      return decodeBase64(text);
    },
  },
  /** Envoy: `Hash=...;Cert="<percent-encoded PEM>";...` for each proxy on the way; here exactly one. */
  xfcc: { header: 'x-forwarded-client-cert', decode: decodeXfcc },
} as const satisfies Record<string, ForwardingFormTraits>;

/** Every header field that some form uses. */
export const IDENTITY_HEADERS: ReadonlySet<string> = new Set(
  Object.values<ForwardingFormTraits>(FORWARDING_FORMS).flatMap(({ header, companion }) =>
    companion === undefined ? [header] : [header, companion],
  ),
);

/** The certificate (DER, not verified at all) in a header field of this form. Throws `bad_request`. */
export function decodeForwardedCertificate(form: ForwardingForm, value: string): Uint8Array {
  if (value.length > LIMITS.forwardedCertificateLengthMax) {
    throw unreadable(
      `it has ${value.length} bytes, need at most ${LIMITS.forwardedCertificateLengthMax}`,
    );
  }
  return FORWARDING_FORMS[form].decode(value);
}

function decodeEscapedPem(value: string): Uint8Array {
  if (!PERCENT_ENCODED.test(value)) throw unreadable('it is not percent-encoded PEM');
  const pem = value.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, HEX)),
  );
  const [, text] = PEM.exec(pem) ?? [];
  if (text === undefined) throw unreadable('it is not one certificate in PEM');
  return decodeBase64(text.replace(/[\r\n]/g, ''));
}

function decodeXfcc(value: string): Uint8Array {
  const certificates = elementsOf(value)
    .filter(({ key }) => key === 'cert')
    .map((element) => element.value);
  const [certificate, ...others] = certificates;
  if (certificate === undefined || others.length > 0) {
    throw unreadable('it has not exactly one "Cert"');
  }
  return decodeEscapedPem(certificate);
}

/** One `key=value` of the header: a plain value, or one in quotes with backslashes before quotes. */
const XFCC_PAIR = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))(;|$)/y;

/** The pairs of the only element. A comma outside of quotes would begin a second one. */
function elementsOf(value: string): { readonly key: string; readonly value: string }[] {
  const pairs: { key: string; value: string }[] = [];
  XFCC_PAIR.lastIndex = 0;
  for (let end = 0; end < value.length; end = XFCC_PAIR.lastIndex) {
    const match = XFCC_PAIR.exec(value);
    if (match === null) throw unreadable('it is not one element of key=value pairs');
    const [, key = '', quoted, plain = ''] = match;
    pairs.push({ key: key.toLowerCase(), value: quoted ?? plain });
  }
  return pairs;
}

function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  // Buffer overlooks whatever it does not understand.
  if (bytes.toString('base64') !== text) throw unreadable('it is not base64');
  return bytes;
}

function unreadable(state: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot read the forwarded certificate: ${state}`);
}
