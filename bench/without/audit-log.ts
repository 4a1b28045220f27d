/** Nothing is written down. */
import type { AuditLog } from '../../src/server/audit-log.ts';

export * from '../../src/server/audit-log.ts';

const NONE = {
  changed() {},
  refused() {},
  async [Symbol.asyncDispose]() {},
};

export async function openAuditLog(): Promise<AuditLog> {
  return NONE as unknown as AuditLog;
}
