import type { Action } from '../client/sync/action.ts';
import { formatCount, formatSize } from './format.ts';

/** What an action of a plan would do, for people. */
export function formatAction(action: Action): string {
  const { relative, size, target } = action.entry;
  switch (action.kind) {
    case 'file':
      return `copy ${relative} (${action.reason}, ${formatSize(size)})`;
    case 'symlink':
      return `link ${relative} to ${target} (${action.reason})`;
    case 'directory':
      return action.reason === 'new'
        ? `make directory ${relative}`
        : `set mode and time of directory ${relative}`;
    case 'attributes':
      return `set mode and time of ${relative}`;
    case 'remove':
      return `remove ${relative}${action.count > 1 ? ` (${action.count} names)` : ''}`;
    case 'conflict':
      return `leave ${relative}: a ${action.existing.kind} is in the way of a ${action.entry.kind}`;
  }
}

/** Counts of a plan. */
export interface PlanCounts {
  files: number;
  bytes: number;
  others: number;
  removed: number;
}

export function countActions(counts: PlanCounts, actions: readonly Action[]): void {
  for (const action of actions) {
    if (action.kind === 'file') {
      counts.files += 1;
      counts.bytes += action.entry.size;
    } else if (action.kind === 'remove') counts.removed += action.count;
    else counts.others += 1;
  }
}

/** One line: `would copy 3 files (1.20 MB), change 2 other names, remove 1 name`. */
export function formatPlanSummary({ files, bytes, others, removed }: PlanCounts): string {
  const parts = [`copy ${formatCount(files, 'file')} (${formatSize(bytes)})`];
  if (others > 0) parts.push(`change ${formatCount(others, 'other name')}`);
  if (removed > 0) parts.push(`remove ${formatCount(removed, 'name')}`);
  return `would ${parts.join(', ')}`;
}
