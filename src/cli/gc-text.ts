import { formatCount, formatSize } from './format.ts';

/** How it goes to find what is kept and to free the rest, as far as the command line tells. */
export interface GcProgress {
  readonly phase: string;
  readonly files?: number;
  readonly segments?: number;
  readonly segmentsTotal?: number;
  readonly bytes?: number;
}

/** What has been freed. */
export interface GcOutcome {
  readonly dryRun: boolean;
  readonly chunks: number;
  readonly bytes: number;
  readonly files: number;
  readonly trimmed: number;
  readonly uploads: number;
  readonly postponed: number;
}

export function gcProgressText({
  phase,
  files = 0,
  segments = 0,
  segmentsTotal = 0,
  bytes = 0,
}: GcProgress): string {
  if (phase === 'mark') return `looking for what is kept: ${formatCount(files, 'file version')}`;
  return `segment ${segments} of ${segmentsTotal}, ${formatSize(bytes)} freed`;
}

export function gcOutcomeText(outcome: GcOutcome): string {
  const { dryRun, chunks, bytes, files, trimmed, uploads, postponed } = outcome;
  const freed = `${dryRun ? 'would free' : 'freed'} ${formatSize(bytes)} of ${formatCount(chunks, 'chunk')}`;
  const kept = `${formatCount(files, 'file version')} kept`;
  const more = [
    trimmed > 0 && `history of ${formatCount(trimmed, 'volume')} trimmed`,
    uploads > 0 && `${formatCount(uploads, 'old upload')} ended`,
    postponed > 0 && `${formatCount(postponed, 'segment')} left for want of room`,
  ].filter((text) => text !== false);
  return [freed, kept, ...more].join(', ');
}

/** Of a volume of which nothing was freed. */
export function sparedText({ volume, reason }: { volume: string; reason: string }): string {
  return `freed nothing of volume ${volume}: ${reason}`;
}
