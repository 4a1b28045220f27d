import { userInfo } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import type { AuditEvent } from './audit-log.ts';
import { openAuditLog } from './audit-log.ts';

/** What somebody does on the machine of the server, who can read its folders, and so needs no certificate. */
export interface LocalAct {
  /** No operation of the contract. */
  readonly operation: 'adminToken' | 'adminProxy' | 'gc';
  readonly targets: readonly string[];
}

/** The audit's line for it. */
export function localEvent({ operation, targets }: LocalAct): AuditEvent {
  return {
    operation,
    from: 'local',
    targets: [...targets],
    detail: `on the server, by the user ${JSON.stringify(userName())}`,
  };
}

/** A user of a container need not have a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

/**
 * Notes an act in the audit log of a server, which may run meanwhile: lines are only ever appended.
 * Durable when it resolves. Throws `local_io`.
 */
export async function auditLocally(
  { directory, clock }: { readonly directory: string; readonly clock: Clock },
  act: LocalAct,
): Promise<void> {
  let failure: unknown;
  const warn = (_: string, error: unknown): void => {
    failure = error;
  };
  await using audit = await openAuditLog({ directory, clock, warn });
  audit.changed(localEvent(act), { isDerived: false });
  await audit.flush();
  if (failure === undefined) return;
  throw new GdpfsError('local_io', 'cannot write the audit log: nothing is done without it', {
    cause: failure,
  });
}
