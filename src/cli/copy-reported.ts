import type { Replace } from '../client/placement.ts';
import { copy, type CopyResult } from '../client/transfer.ts';
import type { Context } from './context.ts';
import { openEndpoint } from './endpoints.ts';
import { ProgressLine, startSummary, type Summary } from './progress.ts';
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
  const summary = startSummary();
  const result = await copyWithProgress(context, servers, { request, summary });
  for (const { path, error } of result.errors) await context.report.error(error, path);
  const { errors: _, ...counts } = result;
  if (output.json) await context.stdout.write(`${JSON.stringify(counts)}\n`);
  else if (output.verbose) await context.stdout.write(`copied ${summary(result)}\n`);
  else if (context.stderr.isTerminal) await context.report.note(`copied ${summary(result)}`);
  return result;
}

async function copyWithProgress(
  context: Context,
  servers: Servers,
  { request, summary }: { readonly request: CopyRequest; readonly summary: Summary },
): Promise<CopyResult> {
  const { destination, ...options } = request;
  const sources = await Promise.all(request.sources.map((text) => openEndpoint(servers, text)));
  const target = await openEndpoint(servers, destination);
  const line = new ProgressLine(context.stderr);
  try {
    return await copy({
      ...options,
      sources,
      destination: target,
      intoDirectory: destination.endsWith('/'),
      observer: { progress: (progress) => line.show(summary(progress)) },
      signal: context.signal,
    });
  } finally {
    await line.clear();
  }
}
