import type { Home } from '../client/home.ts';
import type { Output } from './output.ts';
import type { Report } from './report.ts';
import type { StatusLine } from './status-line.ts';

/** What a command gets from the process around it. */
export interface Context {
  /** Data, and nothing else. */
  readonly stdout: Output;
  /** Errors, warnings, summaries. */
  readonly stderr: Output;
  /** How something long goes. */
  readonly status: StatusLine;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly report: Report;
  readonly home: Home;
  /** Is there a person who sees standard error and can answer? */
  readonly isInteractive: boolean;
  /** A question for that person; the answer is no unless it is yes. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** A question whose answer nobody shall see on the terminal; undefined if there is none. */
  readonly askSecret: (question: string) => Promise<string | undefined>;
  /** Aborted when the user wants us to stop. */
  readonly signal: AbortSignal;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly profile?: string;
  readonly debug?: boolean;
}
