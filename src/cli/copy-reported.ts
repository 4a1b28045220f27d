import type { Replace } from '../client/placement.ts';
import { copy, type CopyResult } from '../client/transfer.ts';
import type { Context } from './context.ts';
import { openEndpoint } from './endpoints.ts';
import { ProgressLine, startSummary } from './progress.ts';
import type { Servers } from './servers.ts';

export interface CopyRequest {
  /** As on the command line. */
  readonly sources: readonly string[];
  readonly destination: string;
  readonly recursive: boolean;
  readonly at?: string | undefined;
  readonly replace: Replace;
}

export interface CopyOutput {
  readonly verbose?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Copies, shows progress, and reports what failed and what was done. */
export async function copyReported(
  context: Context,
  servers: Servers,
  request: CopyRequest,
  output: CopyOutput,
): Promise<CopyResult> {
  const { destination, ...options } = request;
  const line = new ProgressLine(context.stderr);
  const summary = startSummary();
  const sources = await Promise.all(request.sources.map((text) => openEndpoint(servers, text)));
  const result = await copy({
    ...options,
    sources,
    destination: await openEndpoint(servers, destination),
    intoDirectory: destination.endsWith('/'),
    onProgress: (progress) => line.show(summary(progress)),
    signal: context.signal,
  }).finally(() => line.clear());
  for (const { path, error } of result.errors) await context.report.error(error, path);
  const { errors: _, ...counts } = result;
  if (output.json) await context.stdout.write(`${JSON.stringify(counts)}\n`);
  else if (output.verbose) await context.stdout.write(`copied ${summary(result)}\n`);
  else if (context.stderr.isTerminal) await context.report.note(`copied ${summary(result)}`);
  return result;
}
