import type { BigIntStats } from 'node:fs';

/** Does a file belong to whoever runs this? Others could write to one of theirs at any time. */
export function isOurs({ uid }: BigIntStats): boolean {
  return process.geteuid === undefined || uid === BigInt(process.geteuid());
}
