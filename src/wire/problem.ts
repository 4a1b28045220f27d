import { STATUS_CODES } from 'node:http';
import { utf8Decode } from '../base/bytes.ts';
import { GdpfsError, isErrorCode } from '../base/errors.ts';
import type { Problem } from './generated/api.ts';

/** The RFC 9457 document of an error: what a client may know of it. */
export function encodeProblem(error: GdpfsError): Problem {
  const { status } = error.traits;
  return {
    ...error.details,
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code: error.code,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** Statuses below 500 that do not stay: Request Timeout, Too Early, Too Many Requests. */
const PASSING = [408, 425, 429];

/**
 * The error that an answer with a failing status stands for. What is not one of our problem
 * documents comes from something between client and server: `unavailable`, or `bad_request` if that
 * says that the request is what it does not like, such as its length.
 */
export function decodeProblem(status: number, body: Uint8Array): GdpfsError {
  const problem = parseObject(body);
  const { type: _type, title: _title, status: _status, code, detail, hint, ...details } = problem;
  if (typeof code !== 'string' || !isErrorCode(code) || typeof detail !== 'string') {
    const isFinal = status >= 400 && status < 500 && !PASSING.includes(status);
    return new GdpfsError(
      isFinal ? 'bad_request' : 'unavailable',
      `cannot use the server's answer: status ${status} without a problem document`,
      { hint: 'a proxy between this machine and the server may have answered' },
    );
  }
  return new GdpfsError(code, detail, {
    details,
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}

function parseObject(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(utf8Decode(body));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
