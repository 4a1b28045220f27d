import { createReadStream, fstatSync } from 'node:fs';
import { GdpfsError } from '../base/errors.ts';
import { systemErrorCode, systemState } from '../base/system-error.ts';

/** Throws what the system says as an error of ours. Ends early, with any error, once `signal` is aborted. */
export async function* readStandardInput(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* openStandardInput(signal);
  } catch (cause) {
    const state = systemState(cause);
    throw new GdpfsError(systemErrorCode(cause), `cannot read standard input: ${state}`, { cause });
  }
}

/** For Node, disks and directories are inputs without content. */
function openStandardInput(signal: AbortSignal): AsyncIterable<Uint8Array> {
  const stats = fstatSync(0);
  if (!stats.isBlockDevice() && !stats.isDirectory()) return process.stdin;
  return createReadStream('', { fd: 0, autoClose: false, signal });
}
