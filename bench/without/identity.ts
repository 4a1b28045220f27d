/** Everybody is the admin. */
import type { Caller } from '../../src/server/exchange.ts';

const CALLER: Caller = {
  principal: 'admin',
  role: 'admin',
  enrolment: new Uint8Array(16),
  certificateExpiresMs: Number.MAX_SAFE_INTEGER,
  isExternal: false,
};

export function identify(): Caller {
  return CALLER;
}
