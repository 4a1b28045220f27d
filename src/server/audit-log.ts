/**
 * Who asked for what, when, from where: every change that was made and every request that was refused
 * for who sent it. Lines of JSON in files of bounded size, the oldest removed.
 *
 * What a change did to files is in the volume's signed log, for good; a line here adds where it came
 * from, and is written soon, not before the answer. Lines about anything else are durable a moment after
 * they are written. Refused requests that repeat themselves are counted, so that a flood of them
 * cannot push out everything else.
 */
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { AuditEntry, AuditPage } from '../wire/generated/api.ts';
import { makePrivateDirectory } from '../wire/private-file.ts';

const FILE_MODE = 0o600;
const NEWLINE = 0x0a;

export interface AuditOptions {
  /** Made if missing. */
  readonly directory: string;
  readonly clock: Clock;
  /** Told when lines cannot be written. */
  readonly warn: (message: string, error: unknown) => void;
}

export interface AuditQuery {
  /** Only what is not older. */
  readonly sinceMs?: number;
  readonly principal?: string;
  /** From a page before: what came behind it. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A line to be: without its time, which is that of its writing. */
export type AuditEvent = Omit<AuditEntry, 'timeMs'>;

interface Repeated {
  readonly event: AuditEvent;
  readonly sinceMs: number;
  count: number;
}

/** Opens the log, or makes one. Dispose of it to write what is left. Throws `local_io`. */
export async function openAuditLog(options: AuditOptions): Promise<AuditLog> {
  await makePrivateDirectory(options.directory);
  const numbers = await fileNumbers(options.directory);
  const log = new AuditLog(options, numbers.at(-1) ?? 1);
  await log.resume();
  return log;
}

export class AuditLog implements AsyncDisposable {
  readonly #options: AuditOptions;
  #number: number;
  #file: FileHandle | undefined;
  #size = 0;
  #pending: string[] = [];
  #mustSync = false;
  #lost = 0;
  /** Lines that did not find room while others waited, and those in the files, since the start. */
  lostCount = 0;
  writtenCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly #repeated = new Map<string, Repeated>();

  constructor(options: AuditOptions, number: number) {
    this.#options = options;
    this.#number = number;
  }

  /** Lines that wait for the disk. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Goes on in the newest file. A line that a crash cut short ends where it is. */
  async resume(): Promise<void> {
    const file = await this.#openFile();
    if (this.#size === 0) return;
    const last = new Uint8Array(1);
    await file.read(last, 0, 1, this.#size - 1);
    if (last[0] !== NEWLINE) this.#pending.push('\n');
  }

  /** A change that was made. `isDerived`: its volume's log says the same, for good. */
  changed(event: AuditEvent, { isDerived }: { readonly isDerived: boolean }): void {
    this.#add(event);
    if (!isDerived) this.#mustSync = true;
  }

  /** A request that was refused. The first of its kind is a line, those after it are counted. */
  refused(event: AuditEvent): void {
    const { principal, from, operation, code } = event;
    const key = [principal ?? from, operation, code].join(' ');
    const isRoomy = this.#repeated.size < LIMITS.auditKindsMax;
    const kind = this.#repeated.has(key) || isRoomy ? key : `others ${code}`;
    const known = this.#repeated.get(kind);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    this.#mustSync = true;
    const isOther = kind !== key;
    const sinceMs = this.#options.clock.now();
    const shown = isOther ? { operation: 'others', targets: [], ...(code && { code }) } : event;
    this.#repeated.set(kind, { event: shown, sinceMs, count: 0 });
    this.#add(event);
  }

  /** Resolves when everything so far is in its file. */
  async flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  /** Entries in the order of their writing, and where to go on. Throws `bad_request`. */
  async read({ sinceMs = 0, principal, cursor, limit }: AuditQuery): Promise<AuditPage> {
    await this.flush();
    const numbers = await fileNumbers(this.#options.directory);
    const from = cursor === undefined ? { number: numbers[0] ?? 1, offset: 0 } : parse(cursor);
    let end = from;
    const entries: AuditEntry[] = [];
    for (const number of numbers) {
      if (number < from.number) continue;
      const start = number === from.number ? from.offset : 0;
      end = { number, offset: start };
      for await (const { text, offset } of this.#lines(number, start)) {
        const entry = readEntry(text);
        const isWanted = principal === undefined || entry?.principal === principal;
        end = { number, offset };
        if (entry !== undefined && isWanted && entry.timeMs >= sinceMs) entries.push(entry);
        if (entries.length === limit) return { entries, cursor: format(end), more: true };
      }
    }
    return { entries, cursor: format(end), more: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#sweep(Number.POSITIVE_INFINITY);
    await this.flush();
    await this.#file?.close();
    this.#file = undefined;
  }

  #add(event: AuditEvent): void {
    if (this.#pending.length >= LIMITS.auditPendingMax) {
      this.#lost += 1;
      this.lostCount += 1;
      return;
    }
    this.#pending.push(`${JSON.stringify({ timeMs: this.#options.clock.now(), ...event })}\n`);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#sweep(this.#options.clock.now() - LIMITS.auditWindowMs);
      void this.flush();
    }, LIMITS.auditDelayMs);
  }

  /** Writes how often what was refused before `beforeMs` was refused again, and counts anew. */
  #sweep(beforeMs: number): void {
    for (const [kind, { event, sinceMs, count }] of this.#repeated) {
      if (sinceMs > beforeMs) continue;
      this.#repeated.delete(kind);
      if (count > 0) this.#add({ ...event, repeats: count });
    }
  }

  async #write(): Promise<void> {
    const lines = this.#pending;
    if (lines.length === 0) return;
    const mustSync = this.#mustSync;
    this.#pending = [];
    this.#mustSync = false;
    if (this.#lost > 0) {
      const lost = { timeMs: this.#options.clock.now(), operation: 'lost', targets: [] };
      lines.push(`${JSON.stringify({ ...lost, repeats: this.#lost })}\n`);
      this.#lost = 0;
    }
    try {
      const file = this.#file ?? (await this.#openFile());
      const bytes = Buffer.from(lines.join(''));
      await file.write(bytes, 0, bytes.length, this.#size);
      if (mustSync) await file.datasync();
      this.#size += bytes.length;
      this.writtenCount += lines.length;
      if (this.#size >= LIMITS.auditFileBytesMax) await this.#rotate();
    } catch (error) {
      // The answer to a request does not wait for this, and must not fail for it.
      this.#pending.unshift(...lines);
      this.#mustSync ||= mustSync;
      this.#options.warn('cannot write the audit log', error);
    }
  }

  async #rotate(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#number += 1;
    await this.#openFile();
    const numbers = await fileNumbers(this.#options.directory);
    for (const number of numbers.slice(0, -LIMITS.auditFilesMax)) await rm(this.#path(number));
  }

  async #openFile(): Promise<FileHandle> {
    const file = await open(this.#path(this.#number), 'a+', FILE_MODE);
    this.#file = file;
    this.#size = (await file.stat()).size;
    return file;
  }

  async *#lines(
    number: number,
    start: number,
  ): AsyncGenerator<{ readonly text: string; readonly offset: number }> {
    const file = await open(this.#path(number), 'r').catch(() => undefined);
    // Rotated away meanwhile.
    if (file === undefined) return;
    let offset = start;
    for await (const text of file.readLines({ start })) {
      offset += Buffer.byteLength(text) + 1;
      yield { text, offset };
    }
  }

  #path(number: number): string {
    return join(this.#options.directory, `${String(number).padStart(8, '0')}.jsonl`);
  }
}

/** Ascending. */
async function fileNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names
    .flatMap((name) => /^([0-9]{8})\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((left, right) => left - right);
}

/** Undefined for a line that a crash cut short. */
function readEntry(text: string): AuditEntry | undefined {
  try {
    return JSON.parse(text) as AuditEntry;
  } catch {
    return undefined;
  }
}

interface Place {
  readonly number: number;
  readonly offset: number;
}

function format({ number, offset }: Place): string {
  return `${number}:${offset}`;
}

function parse(cursor: string): Place {
  const [, number, offset] = /^([0-9]{1,8}):([0-9]{1,12})$/.exec(cursor) ?? [];
  if (number !== undefined) return { number: Number(number), offset: Number(offset) };
  throw new GdpfsError('bad_request', 'cannot use cursor: not from a page of the audit log');
}
