import type { Command } from 'commander';
import type { Context } from './context.ts';

/** A verb of the command line, loaded when it is used. */
export interface Verb {
  readonly summary: string;
  readonly load: () => Promise<(context: Context) => Command>;
}
