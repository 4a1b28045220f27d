import {
  createCipheriv,
  createHmac,
  createPrivateKey,
  hash,
  pbkdf2Sync,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { LIMITS } from '../base/limits.ts';
import { integer, nul, octets, oid, sequence, set, tagged, wideText } from './der.ts';

export interface Pkcs12Init {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** Certificates of who issued it. PEM. */
  readonly ca: string;
  /** Under which a browser lists it. */
  readonly name: string;
  /** ASCII: programs disagree about how other characters become bytes. */
  readonly password: string;
}

const DATA = oid('1.2.840.113549.1.7.1');
const ENCRYPTED_DATA = oid('1.2.840.113549.1.7.6');
const KEY_BAG = oid('1.2.840.113549.1.12.10.1.2');
const CERTIFICATE_BAG = oid('1.2.840.113549.1.12.10.1.3');
const X509 = oid('1.2.840.113549.1.9.22.1');
const FRIENDLY_NAME = oid('1.2.840.113549.1.9.20');
const LOCAL_KEY_ID = oid('1.2.840.113549.1.9.21');
const PBES2 = oid('1.2.840.113549.1.5.13');
const PBKDF2 = oid('1.2.840.113549.1.5.12');
const HMAC_SHA256 = oid('1.2.840.113549.2.9');
const AES256_CBC = oid('2.16.840.1.101.3.4.1.42');
const SHA256 = oid('2.16.840.1.101.3.4.2.1');

const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** What SHA-256 takes at a time. */
const BLOCK_BYTES = 64;

/**
 * A PKCS #12 file (RFC 7292), in which browsers and systems take a certificate with its key. Key and certificates are encrypted
 * with AES-256 under PBKDF2 (PBES2), the whole is authenticated with HMAC-SHA-256: what current systems read, and no older ones.
 */
export function encodePkcs12(init: Pkcs12Init): Uint8Array {
  const { certificate, key, ca, name, password } = init;
  const der = new X509Certificate(certificate).raw;
  // By it a key and its certificate find each other.
  const attributes = set(
    sequence(FRIENDLY_NAME, set(wideText(name))),
    sequence(LOCAL_KEY_ID, set(octets(hash('sha256', der, 'buffer')))),
  );
  const secret = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  const { algorithm, ciphertext } = encrypt(secret, password);
  const keys = sequence(
    sequence(KEY_BAG, tagged(0, sequence(algorithm, octets(ciphertext))), attributes),
  );
  const certificates = sequence(
    certificateBag(der, attributes),
    ...certificatesOf(ca).map((pem) => certificateBag(new X509Certificate(pem).raw)),
  );
  const content = sequence(
    sequence(DATA, tagged(0, octets(keys))),
    sequence(ENCRYPTED_DATA, tagged(0, encryptedData(certificates, password))),
  );
  return sequence(
    integer(3),
    sequence(DATA, tagged(0, octets(content))),
    macData(content, password),
  );
}

function certificateBag(der: Uint8Array, ...attributes: readonly Uint8Array[]): Uint8Array {
  return sequence(
    CERTIFICATE_BAG,
    tagged(0, sequence(X509, tagged(0, octets(der)))),
    ...attributes,
  );
}

/** RFC 5652, 8: its content is an octet string with an implicit tag. */
function encryptedData(content: Uint8Array, password: string): Uint8Array {
  const { algorithm, ciphertext } = encrypt(content, password);
  return sequence(integer(0), sequence(DATA, algorithm, tagged(0, ciphertext, 'primitive')));
}

/** PBES2 (RFC 8018, 6.2). */
function encrypt(
  content: Uint8Array,
  password: string,
): { readonly algorithm: Uint8Array; readonly ciphertext: Uint8Array } {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(16);
  const key = pbkdf2Sync(password, salt, LIMITS.pkcs12Iterations, KEY_BYTES, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
  const derivation = sequence(
    octets(salt),
    integer(LIMITS.pkcs12Iterations),
    sequence(HMAC_SHA256, nul()),
  );
  const algorithm = sequence(
    PBES2,
    sequence(sequence(PBKDF2, derivation), sequence(AES256_CBC, octets(iv))),
  );
  return { algorithm, ciphertext };
}

function macData(content: Uint8Array, password: string): Uint8Array {
  const salt = randomBytes(SALT_BYTES);
  const mac = createHmac('sha256', macKey(password, salt)).update(content).digest();
  return sequence(
    sequence(sequence(SHA256, nul()), octets(mac)),
    octets(salt),
    integer(LIMITS.pkcs12Iterations),
  );
}

/** RFC 7292, B.2 with SHA-256, for a key as long as its output. */
function macKey(password: string, salt: Uint8Array): Uint8Array {
  const wide = Buffer.from(`${password}\0`, 'utf16le').swap16();
  const purpose = Buffer.alloc(BLOCK_BYTES, 3);
  let key: Uint8Array = Buffer.concat([purpose, repeated(salt), repeated(wide)]);
  for (let round = 0; round < LIMITS.pkcs12Iterations; round += 1) {
    key = hash('sha256', key, 'buffer');
  }
  return key;
}

/** Over and over, until blocks are full. */
function repeated(bytes: Uint8Array): Uint8Array {
  return Buffer.alloc(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES, bytes);
}

function certificatesOf(pems: string): readonly string[] {
  return pems.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
