import { base64urlDecode, base64urlEncode, concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';

const PREFIX = 'gdpfs1.';

/** Bytes of an invitation's secret: cannot be guessed, short enough to read over a telephone. */
export const SECRET_BYTES = 16;

/** What an invitation hands to its user, as text by whatever way the admin trusts. */
export interface InvitationToken {
  /** SHA-256 of the server's CA certificate (DER): the first connection is checked against it. */
  readonly caFingerprint: Uint8Array;
  /** Proves the right to enrol, once. The server stores only its digest. */
  readonly secret: Uint8Array;
}

/** `gdpfs1.` and the base64url of CA fingerprint and secret. */
export function encodeToken(token: InvitationToken): string {
  assert(token.caFingerprint.length === DIGEST_BYTES, 'a CA fingerprint is 32 bytes');
  assert(token.secret.length === SECRET_BYTES, 'an invitation secret is 16 bytes');
  return PREFIX + base64urlEncode(concatBytes([token.caFingerprint, token.secret]));
}

/** Throws `bad_token`, without repeating the text: it may be most of a secret. */
export function decodeToken(text: string): InvitationToken {
  const bytes = text.startsWith(PREFIX) ? base64urlDecode(text.slice(PREFIX.length)) : undefined;
  if (bytes === undefined || bytes.length !== DIGEST_BYTES + SECRET_BYTES) {
    throw new GdpfsError(
      'bad_token',
      'cannot read the token: it is incomplete or mistyped, need "gdpfs1." and 64 characters',
      { hint: 'copy the whole token that "gdpfs serve" or "gdpfs admin invite" printed' },
    );
  }
  return { caFingerprint: bytes.slice(0, DIGEST_BYTES), secret: bytes.slice(DIGEST_BYTES) };
}
