import type { Command } from '../tools/gdpfs-process.ts';
import { mebibytes, median, seconds } from './figures.ts';
import { measure, type Measured, startMeasured } from './measure.ts';
import type { RelayLink } from './relay.ts';

/** What a command took, and what crossed the wire for it. */
export interface Counted extends Measured {
  /** Bytes of TCP in both directions together, counted between the two sides. */
  readonly wireBytes: number;
}

/** Of one relay through which nothing else goes meanwhile. */
export class Counter {
  readonly #link: RelayLink;
  readonly #signal: AbortSignal;

  constructor(link: RelayLink, signal: AbortSignal) {
    this.#link = link;
    this.#signal = signal;
  }

  async measure(command: Command, serverPid: number): Promise<Counted> {
    const before = this.#wireBytes();
    const measured = await measure(command, { signal: this.#signal, serverPid });
    return { ...measured, wireBytes: this.#wireBytes() - before };
  }

  /**
   * Kills the command with SIGKILL when `bytes` have crossed the wire. Resolves to what had crossed
   * it in the end; throws if the command was done before.
   */
  async killAfter(command: Command, bytes: number): Promise<number> {
    const before = this.#wireBytes();
    const running = startMeasured(command, { signal: this.#signal });
    const timer = setInterval(() => {
      if (this.#wireBytes() - before >= bytes) running.kill();
    }, POLL_MS);
    const isDone = await running.finished.then(
      () => true,
      () => false,
    );
    clearInterval(timer);
    this.#signal.throwIfAborted();
    if (isDone) throw new Error(`${command.argv.join(' ')} was done before it could be killed`);
    return this.#wireBytes() - before;
  }

  #wireBytes(): number {
    return this.#link.counts.up + this.#link.counts.down;
  }
}

const POLL_MS = 1;

/** Medians of time and of bytes on the wire; of gdpfs with --json also what it says it sent of content. */
export function formatCost(counted: readonly Counted[]): string {
  const elapsedMs = median(counted.map((run) => run.elapsedMs));
  const wireBytes = median(counted.map((run) => run.wireBytes));
  const said = counted.filter(({ stdout }) => stdout !== '').map(bytesSentBy);
  const content = said.length === 0 ? '' : ` (content ${mebibytes(median(said))})`;
  return `${seconds(elapsedMs)}, ${mebibytes(wireBytes)}${content}`;
}

/** Medians of CPU seconds: client + server. */
export function formatCpu(counted: readonly Counted[]): string {
  const client = median(counted.map((run) => run.clientCpuMs));
  const server = median(counted.map((run) => run.serverCpuMs));
  return `${(client / 1000).toFixed(1)} + ${(server / 1000).toFixed(1)}`;
}

/** From the summary, which is the last line. */
function bytesSentBy({ stdout }: Measured): number {
  const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { bytesSent?: number };
  if (summary.bytesSent === undefined) throw new Error(`no summary with bytesSent: ${stdout}`);
  return summary.bytesSent;
}
