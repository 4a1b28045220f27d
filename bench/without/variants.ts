/** Modules of the server that are replaced, below `src/`, and by what beside this file. */
export const VARIANTS = {
  access: { 'server/authorize.ts': './authorize.ts', 'server/identity.ts': './identity.ts' },
  audit: { 'server/audit-log.ts': './audit-log.ts' },
  state: { 'fs/state-fold.ts': './state-fold.ts' },
} as const;

export type Variant = keyof typeof VARIANTS;
