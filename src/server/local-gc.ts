import { base64urlEncode } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import type { CollectionProgress, CollectionReport } from '../fs/collection.ts';
import { openFileSystem } from '../fs/open.ts';
import { auditLocally } from './local-audit.ts';

export interface LocalGcOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Folder of the private keys. */
  readonly keys: string;
  /** Folder of the audit log. */
  readonly audit: string;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Told of what recovery found that an operator should know. */
  readonly warn: (message: string) => void;
  readonly onProgress: (progress: CollectionProgress) => void;
}

export interface LocalGcReport extends Omit<CollectionReport, 'spared'> {
  readonly spared: readonly { readonly volume: string; readonly reason: string }[];
}

/**
 * Frees space in the folders of a server that does not run. Throws `locked` while it does: there
 * `gdpfs admin gc` does the same.
 */
export async function freeSpaceLocally(options: LocalGcOptions): Promise<LocalGcReport> {
  const { store, keys, audit, dryRun, signal, warn, onProgress } = options;
  const clock = systemClock;
  await using opened = await openFileSystem({
    directory: store,
    keysDirectory: keys,
    clock,
    warn,
    signal,
  });
  if (!dryRun) await auditLocally({ directory: audit, clock }, { operation: 'gc', targets: [] });
  const { spared, ...report } = await opened.collection.run({
    dryRun,
    // Nobody reads meanwhile.
    unattended: false,
    signal,
    onProgress,
  });
  const named = spared.map(({ name, reason }) => ({ volume: base64urlEncode(name), reason }));
  return { ...report, spared: named };
}
