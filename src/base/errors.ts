/**
 * The closed error table (DESIGN §7): what a caller can do about a failure is decided by its code,
 * never by message text or by guessing from an HTTP status.
 */

/** What a code promises. `mutated: 'no'` says that the request certainly had no effect. */
export interface ErrorTraits {
  /** HTTP status. */
  readonly status: number;
  /** Exit code of the command line, after sysexits(3) where one fits. */
  readonly exit: number;
  /** May the very same request be sent again, after a pause? */
  readonly retry: boolean;
  readonly mutated: 'no' | 'maybe';
}

/** Alphabetical. Codes are part of the API: never rename or reuse one. */
export const ERRORS = {
  bad_chunk: { status: 422, exit: 65, retry: true, mutated: 'no' },
  bad_range: { status: 416, exit: 65, retry: false, mutated: 'no' },
  bad_request: { status: 400, exit: 64, retry: false, mutated: 'no' },
  bad_token: { status: 403, exit: 77, retry: false, mutated: 'no' },
  body_too_large: { status: 413, exit: 65, retry: false, mutated: 'no' },
  busy: { status: 503, exit: 75, retry: true, mutated: 'no' },
  certificate_invalid: { status: 401, exit: 77, retry: false, mutated: 'no' },
  certificate_required: { status: 401, exit: 77, retry: false, mutated: 'no' },
  changed: { status: 412, exit: 73, retry: false, mutated: 'no' },
  chunk_missing: { status: 409, exit: 75, retry: false, mutated: 'no' },
  corrupt: { status: 500, exit: 70, retry: false, mutated: 'no' },
  exists: { status: 409, exit: 73, retry: false, mutated: 'no' },
  forbidden: { status: 403, exit: 77, retry: false, mutated: 'no' },
  internal: { status: 500, exit: 70, retry: false, mutated: 'maybe' },
  is_a_directory: { status: 409, exit: 73, retry: false, mutated: 'no' },
  local_io: { status: 500, exit: 74, retry: false, mutated: 'maybe' },
  locked: { status: 423, exit: 75, retry: false, mutated: 'no' },
  method_not_allowed: { status: 405, exit: 64, retry: false, mutated: 'no' },
  name_too_long: { status: 400, exit: 65, retry: false, mutated: 'no' },
  no_space: { status: 507, exit: 73, retry: false, mutated: 'no' },
  not_a_directory: { status: 409, exit: 73, retry: false, mutated: 'no' },
  not_a_file: { status: 409, exit: 73, retry: false, mutated: 'no' },
  not_empty: { status: 409, exit: 73, retry: false, mutated: 'no' },
  not_found: { status: 404, exit: 66, retry: false, mutated: 'no' },
  partial: { status: 500, exit: 74, retry: false, mutated: 'maybe' },
  quota_exceeded: { status: 403, exit: 73, retry: false, mutated: 'no' },
  read_only: { status: 409, exit: 77, retry: false, mutated: 'no' },
  request_reused: { status: 422, exit: 65, retry: false, mutated: 'no' },
  source_changed: { status: 409, exit: 75, retry: false, mutated: 'no' },
  trimmed: { status: 410, exit: 66, retry: false, mutated: 'no' },
  unavailable: { status: 503, exit: 69, retry: true, mutated: 'maybe' },
  unsupported_media_type: { status: 415, exit: 64, retry: false, mutated: 'no' },
  untrusted: { status: 502, exit: 76, retry: false, mutated: 'maybe' },
  upload_not_found: { status: 404, exit: 75, retry: false, mutated: 'no' },
  usage: { status: 400, exit: 64, retry: false, mutated: 'no' },
  wrong_root: { status: 422, exit: 65, retry: false, mutated: 'no' },
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptions {
  readonly cause?: unknown;
  /** What the user can do about it, one line. */
  readonly hint?: string;
  /** Machine-readable facts that go into the problem document beside the code. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The one error class of the project. Messages follow
 * `cannot <verb> <object>: <state>[, need <state>]`: lower case, values quoted, no full stop.
 */
export class GdpfsError extends Error {
  override readonly name = 'GdpfsError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get traits(): ErrorTraits {
    return ERRORS[this.code];
  }
}

/** Is `error` a GdpfsError, and, if codes are given, one of them? */
export function isGdpfsError(error: unknown, ...codes: readonly ErrorCode[]): error is GdpfsError {
  return error instanceof GdpfsError && (codes.length === 0 || codes.includes(error.code));
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Throws when a condition that the code itself guarantees does not hold: a bug, not bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
