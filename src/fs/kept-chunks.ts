import type { DatabaseSync } from 'node:sqlite';
import { asBuffer, bytesEqual } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ContentFold, contentRoot } from '../format/content.ts';
import { decodeFchunk } from '../format/records.ts';
import type { Chunk } from '../format/manifest.ts';
import type { LogEngine } from '../log/engine.ts';
import { reading } from '../storage/index-db.ts';
import type { KeptStates } from './kept-states.ts';
import { type FileVersion, KeptVersions } from './kept-versions.ts';
import type { Pace } from './pace.ts';

/** Where chunks are noted that are to be kept. */
interface Kept {
  add(volume: number, digest: Uint8Array): void;
}

/** Versions of one file, and the records of its log if the index itself has them. */
interface KeptFile {
  readonly log: Uint8Array;
  /** By how many records each has. */
  readonly versions: readonly FileVersion[];
  readonly records: readonly Uint8Array[] | undefined;
}

/** Notes the chunks of everything that the kept states of a volume name. */
export class KeptChunks {
  readonly #engine: LogEngine;
  readonly #reader: DatabaseSync;
  readonly #kept: Kept;
  readonly #pace: Pace;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly reader: DatabaseSync;
    readonly kept: Kept;
    readonly pace: Pace;
  }) {
    this.#engine = parts.engine;
    this.#reader = parts.reader;
    this.#kept = parts.kept;
    this.#pace = parts.pace;
  }

  /**
   * Of the volume with this index id. Throws `corrupt` if it cannot be told what some file consists of:
   * then nothing of the volume may be freed.
   */
  async note(volume: number, states: KeptStates, onFiles: (count: number) => void): Promise<void> {
    const pages = new KeptVersions(this.#reader, volume, states).pages();
    for (;;) {
      const files = reading(this.#reader, () => {
        const page = pages.next();
        return page.done === true ? undefined : this.#filesOf(volume, page.value);
      });
      if (files === undefined) return;
      for (const file of files) {
        await this.#noteFile(volume, file);
        await this.#pace.rest();
      }
      onFiles(files.length);
      await this.#pace.rest();
    }
  }

  #filesOf(volume: number, versions: readonly FileVersion[]): KeptFile[] {
    return byLog(versions).map(({ log, versions: own }) => {
      const count = own.at(-1)?.logCount ?? 0;
      return { log, versions: own, records: this.#engine.indexedFileLog(volume, log, count) };
    });
  }

  async #noteFile(volume: number, { log, versions, records }: KeptFile): Promise<void> {
    const newest = versions.at(-1);
    if (newest === undefined) return;
    const all = records ?? (await this.#engine.readFileLog(volume, log, newest.logCount));
    const fold = new ContentFold();
    let applied = 1;
    // So many of the live chunks were noted for a version before.
    let noted = 0;
    for (const { logCount } of versions) {
      for (; applied < logCount; applied += 1) {
        if (applied % LIMITS.gcFoldRecords === 0) await this.#pace.rest();
        const fchunk = decodeFchunk(all[applied] ?? NOTHING);
        foldInto(fold, fchunk);
        noted = Math.min(noted, fold.liveCount - (fchunk.length > 0 ? 1 : 0));
      }
      for (const { digest } of fold.liveFrom(noted)) this.#kept.add(volume, digest);
      noted = fold.liveCount;
    }
    if (!bytesEqual(contentRoot(fold.manifest()), newest.content)) {
      const log64 = formatDigest(log);
      throw new GdpfsError('corrupt', `cannot read file log ${log64}: it is not what was signed`);
    }
  }
}

/** The versions of each log together, the shortest first; files in the order in which they came. */
function byLog(versions: readonly FileVersion[]): { log: Uint8Array; versions: FileVersion[] }[] {
  const logs = new Map<string, { log: Uint8Array; versions: FileVersion[] }>();
  for (const version of versions) {
    const key = asBuffer(version.log).toString('latin1');
    const known = logs.get(key);
    if (known === undefined) logs.set(key, { log: version.log, versions: [version] });
    else known.versions.push(version);
  }
  const all = [...logs.values()];
  for (const one of all) one.versions.sort((left, right) => left.logCount - right.logCount);
  return all;
}

function foldInto(fold: ContentFold, fchunk: Chunk): void {
  try {
    fold.apply(fchunk);
  } catch (cause) {
    // It speaks to a writer; this was signed by somebody.
    if (!isGdpfsError(cause, 'bad_request')) throw cause;
    throw new GdpfsError('corrupt', `cannot read file log: ${cause.message}`, { cause });
  }
}

const NOTHING = new Uint8Array(0);
