import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { isAlias } from '../format/path.ts';
import type { QuotaRow } from '../fs/system-view.ts';
import type { Services } from './exchange.ts';

/** What a home volume may hold unless somebody says otherwise. */
export const HOME_QUOTA: QuotaRow = {
  bytes: LIMITS.homeQuotaBytes,
  entries: LIMITS.homeQuotaEntries,
};

/**
 * A user's home volume has the user's name: it must be free, or the user's already. Throws
 * `bad_request`, `exists`.
 */
export function requireHomeName({ system }: Pick<Services, 'system'>, principal: string): void {
  if (!isAlias(principal)) {
    throw new GdpfsError(
      'bad_request',
      `cannot invite "${principal}": not a name for a home volume, need 1 to 32 of a-z, 0-9 and "-"`,
    );
  }
  const volume = system.view.volumeByAlias(principal);
  if (volume !== undefined && volume.owner !== principal) {
    throw new GdpfsError('exists', `cannot invite "${principal}": a volume has that name`);
  }
}

/** The volume named after a user; nothing if there is one of that name. */
export async function ensureHomeVolume(
  { fs, system }: Pick<Services, 'fs' | 'system'>,
  principal: string,
  quota: QuotaRow,
): Promise<void> {
  if (!isAlias(principal) || system.view.volumeByAlias(principal) !== undefined) return;
  const kind = { chunking: 'fixed' } as const;
  const volume = { alias: principal, owner: principal, ...kind, quota };
  try {
    await fs.createVolume(volume, { author: principal });
  } catch (error) {
    // Somebody was faster; the invitation was given while the name was free.
    if (!isGdpfsError(error, 'exists')) throw error;
  }
}
