import type { Entry } from '../../wire/generated/api.ts';

/** A change that somebody is asked about. */
export type Asked =
  | { readonly kind: 'mkdir' }
  | { readonly kind: 'rename'; readonly entry: Entry }
  | { readonly kind: 'move' | 'copy' | 'remove'; readonly entries: readonly Entry[] }
  | { readonly kind: 'share'; readonly entry: Entry }
  | { readonly kind: 'restore'; readonly path: string; readonly at: string };
