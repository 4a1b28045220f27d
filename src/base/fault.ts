import { GdpfsError, isErrorCode } from './errors.ts';

/** An error that crosses to another thread, where a class does not survive. */
export interface Fault {
  /** Empty if it is none of ours. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function faultOf(error: unknown): Fault {
  if (error instanceof GdpfsError) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  return {
    code: '',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

export function errorOfFault({ code, message, hint, details = {} }: Fault): Error {
  if (!isErrorCode(code)) return new Error(message);
  return new GdpfsError(code, message, hint === undefined ? { details } : { hint, details });
}
