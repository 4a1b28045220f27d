import { isGdpfsError } from '../base/errors.ts';
import type { Wait } from '../client/flow/flow-options.ts';
import {
  countsOf,
  type FileDone,
  type Progress,
  type TransferChange,
  type TransferResult,
} from '../client/tally.ts';
import type { TransferView } from './transfer-meter.ts';

/**
 * What a transfer tells programs: NDJSON, one event a line. docs/cli.md describes the events; a
 * property that does not apply is left out.
 */

/** In the order of their first appearance; `summary` is always the last line. */
export interface TransferEvents {
  readonly start: {
    readonly verb: string;
    readonly sources: readonly string[];
    readonly destination: string;
    /** RFC 3339. */
    readonly time: string;
  };
  /** Every second. */
  readonly progress: Omit<Progress, 'moving'> & {
    readonly elapsedMs: number;
    readonly bytesPerSecond: number | undefined;
    readonly leftMs: number | undefined;
  };
  readonly file: FileDone;
  readonly change: TransferChange;
  readonly wait: {
    /** Why, as an error says it. */
    readonly code: string;
    readonly message: string;
    readonly retryInMs: number;
  };
  readonly error: {
    readonly path: string | undefined;
    readonly code: string;
    readonly message: string;
    readonly hint?: string | undefined;
  };
  readonly summary: Omit<TransferResult, 'errors'> & {
    readonly failed: number;
    readonly elapsedMs: number;
  };
}

/** One line, without its end. */
export function formatEvent<Name extends keyof TransferEvents>(
  event: Name,
  content: TransferEvents[Name],
): string {
  return JSON.stringify({ event, ...content });
}

export function progressEvent({ progress, ...view }: TransferView): TransferEvents['progress'] {
  return {
    ...countsOf(progress),
    expected: { ...progress.expected },
    elapsedMs: Math.round(view.elapsedMs),
    bytesPerSecond: rounded(view.bytesPerSecond),
    leftMs: rounded(view.leftMs),
  };
}

/** Without what a caller may know beyond it. */
export function fileEvent({ path, size, bytesSent, bytesReused, md5 }: FileDone): FileDone {
  return { path, size, bytesSent, bytesReused, md5 };
}

export function waitEvent({ reason, retryInMs }: Wait): TransferEvents['wait'] {
  return { code: reason.code, message: reason.message, retryInMs: Math.round(retryInMs) };
}

/** Anything but a GdpfsError is a bug: `internal`. */
export function errorEvent(error: unknown, path?: string): TransferEvents['error'] {
  if (!isGdpfsError(error)) return { path, code: 'internal', message: String(error) };
  const { code, message, hint } = error;
  return { path, code, message, hint };
}

/** What ended a transfer that was stopped by a signal: whatever failed, failed because of that. */
export const STOPPED: TransferEvents['error'] = {
  path: undefined,
  code: 'partial',
  message: 'stopped before the end',
};

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}
