import type { Logger } from 'pino';
import { base64urlEncode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Collection, CollectionReport } from '../fs/collection.ts';
import type { GcRun, GcStatus } from '../wire/generated/api.ts';
import { counter, type Family, gauge } from './metrics/families.ts';

type Running = { -readonly [Key in keyof GcRun]: GcRun[Key] };

const NOTHING_YET = {
  phase: 'mark',
  files: 0,
  segments: 0,
  segmentsTotal: 0,
  rewritten: 0,
  postponed: 0,
  chunks: 0,
  bytes: 0,
  trimmed: 0,
  uploads: 0,
  spared: [],
  sparedCount: 0,
} as const satisfies Omit<GcRun, 'startedMs' | 'dryRun'>;

/**
 * Frees space now and then, and when an admin says so, one run at a time. It is about the store, and so
 * no request waits for it: whoever asked for it may look how it goes.
 */
export class GcRuns implements AsyncDisposable {
  readonly #collection: Pick<Collection, 'run'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #everyMs: number | undefined;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #nextMs: number | undefined;
  #run: Running | undefined;
  #running: Promise<void> | undefined;
  readonly #counts = { done: 0, failed: 0, chunks: 0, bytes: 0, doneMs: 0 };

  /** `everyMs` undefined: only when it is asked for. */
  constructor(parts: {
    readonly collection: Pick<Collection, 'run'>;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly everyMs: number | undefined;
  }) {
    this.#collection = parts.collection;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#everyMs = parts.everyMs;
    if (this.#everyMs !== undefined) this.#schedule(Math.min(this.#everyMs, LIMITS.gcFirstMs));
  }

  /** Begins one, unless one is under way. */
  start(options: { readonly dryRun: boolean; readonly unattended: boolean }): GcStatus {
    this.#running ??= this.#execute(options).finally(() => {
      this.#running = undefined;
    });
    return this.status();
  }

  /** The one under way, or the last one. */
  status(): GcStatus {
    return {
      ...(this.#run !== undefined && { run: { ...this.#run } }),
      ...(this.#nextMs !== undefined && { nextMs: this.#nextMs }),
    };
  }

  families(): Family[] {
    const { done, failed, chunks, bytes, doneMs } = this.#counts;
    return [
      gauge('gdpfs_gc_running', '1 while space is being freed.', this.#running ? 1 : 0),
      counter('gdpfs_gc_runs', 'Times that space was freed, by how it ended.', [
        { labels: { outcome: 'done' }, value: done },
        { labels: { outcome: 'failed' }, value: failed },
      ]),
      counter('gdpfs_gc_freed_chunks', 'Chunks that were freed.', chunks),
      counter('gdpfs_gc_freed_bytes', 'By which the store took less of the disk.', bytes),
      gauge('gdpfs_gc_done_seconds', 'When it ended well last, since the epoch.', doneMs / 1000),
      gauge(
        'gdpfs_gc_spared_volumes',
        'Volumes of which nothing was freed at last, because it could not be told what they keep.',
        this.#run?.sparedCount ?? 0,
      ),
    ];
  }

  /** What is under way ends early: the next one goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#ending.abort();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#ending.signal.aborted) return;
    this.#nextMs = this.#clock.now() + delayMs;
    this.#timer = setTimeout(() => this.#scheduled(), delayMs).unref();
  }

  #scheduled(): void {
    this.start({ dryRun: false, unattended: true });
    void this.#running?.finally(() => this.#schedule(this.#everyMs ?? 0));
  }

  async #execute(options: {
    readonly dryRun: boolean;
    readonly unattended: boolean;
  }): Promise<void> {
    const { signal } = this.#ending;
    const { dryRun } = options;
    const run: Running = { ...NOTHING_YET, startedMs: this.#clock.now(), dryRun };
    this.#run = run;
    this.#logger.info({ dryRun }, 'freeing space');
    try {
      const onProgress = (progress: Partial<GcRun>): void => void Object.assign(run, progress);
      const report = await this.#collection.run({ ...options, signal, onProgress });
      this.#finish(run, report);
    } catch (error) {
      run.phase = 'failed';
      const isExpected = isGdpfsError(error);
      run.error = isExpected
        ? { code: error.code, detail: error.message }
        : { code: 'internal', detail: 'cannot free space: an unexpected error, see the log' };
      this.#counts.failed += 1;
      if (!signal.aborted) this.#logger.error({ err: error }, 'cannot free space');
    }
    run.endedMs = this.#clock.now();
  }

  #finish(run: Running, { spared, ...report }: CollectionReport): void {
    const shown = spared.slice(0, LIMITS.gcSparedShown).map(({ name, reason }) => {
      return { volume: base64urlEncode(name), reason };
    });
    Object.assign(run, report, { phase: 'done', spared: shown, sparedCount: spared.length });
    const { dryRun, chunks, bytes, segments, rewritten, trimmed, uploads } = report;
    this.#counts.done += 1;
    this.#counts.doneMs = this.#clock.now();
    if (!dryRun) {
      this.#counts.chunks += chunks;
      this.#counts.bytes += bytes;
    }
    const freed = { dryRun, chunks, bytes, segments, rewritten, trimmed, uploads };
    this.#logger.info(freed, 'freed space');
    for (const { volume, reason } of shown) {
      this.#logger.warn({ volume, reason }, 'freed nothing of a volume');
    }
  }
}
