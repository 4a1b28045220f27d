import { GdpfsError } from '../base/errors.ts';

/** OpenSSL's and Node's words for a certificate that does not prove who the server is. */
const UNTRUSTED =
  /^(CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY))/;

/** What a server says, or is taken to say, that has another protocol or an older TLS. */
const OTHER_PROTOCOL =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION)$/;

const STATES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'the host name is unknown',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'no way leads to it',
  ENETUNREACH: 'no way leads to it',
  EAI_AGAIN: 'the host name cannot be looked up',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_CLOSED: 'the session was closed',
  UND_ERR_DESTROYED: 'the session was closed',
};

/**
 * What became of an exchange that got no whole answer, as an error of the table. Errors of our own,
 * and reasons of an abort, stay as they are.
 */
export function networkError(error: Error, url: string): Error {
  if (error instanceof GdpfsError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  if (UNTRUSTED.test(code)) {
    return new GdpfsError(
      'untrusted',
      `cannot trust "${url}": its certificate is not the expected one`,
      {
        cause: error,
        hint: 'if the server was set up anew, log in again',
      },
    );
  }
  const isOther = OTHER_PROTOCOL.test(code);
  const unnamed = isOther ? 'it does not speak TLS 1.3' : `the connection failed (${code})`;
  const state = STATES[code] ?? unnamed;
  return new GdpfsError('unavailable', `cannot reach "${url}": ${state}`, { cause: error });
}

/** Node gathers the attempts at several addresses of one host in an AggregateError with a code. */
function codeOf(error: Error): string | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined;
  if (error.code.startsWith('ABORT')) return undefined;
  return error.code;
}
