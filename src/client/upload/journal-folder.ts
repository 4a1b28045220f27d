import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { utf8Encode } from '../../base/bytes.ts';
import { sha256Parts } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunking } from '../../format/chunker.ts';
import type { SourceFile } from '../source-file.ts';
import { JOURNAL_SUFFIX, UploadJournal } from './upload-journal.ts';

/** What a journal is about. */
export interface JournalSubject {
  readonly source: SourceFile;
  /** Local path. */
  readonly sourcePath: string;
  readonly chunking: Chunking;
  /** `https://host:port`. */
  readonly server: string;
  /** As in the path of the upload. */
  readonly volume: string;
}

/** The journal of an upload, and the end of journals that nobody has asked for in a long time. */
export async function openUploadJournal(
  directory: string,
  subject: JournalSubject,
): Promise<UploadJournal> {
  const journal = new UploadJournal(directory, bindingOf(subject), subject.source.size);
  await removeOld(directory);
  return journal;
}

/** The chunking key itself is not in the journal. */
function bindingOf({ source, sourcePath, chunking, server, volume }: JournalSubject): Uint8Array {
  const { dev, ino, size, mtimeNs, ctimeNs } = source.stats;
  const cut = chunking.mode === 'cdc' ? 'cdc' : String(chunking.chunkSize);
  const lines = ['gdpfs upload journal 1', server, volume, cut, dev, ino, size, mtimeNs, ctimeNs];
  return sha256Parts([
    utf8Encode(`${lines.join('\n')}\n${resolve(sourcePath)}\n`),
    ...(chunking.mode === 'cdc' ? [chunking.key] : []),
  ]);
}

/** Removes what is too old, and the oldest of what is too much. */
async function removeOld(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const files: { readonly path: string; readonly size: number; readonly mtimeMs: number }[] = [];
  for (const name of names) {
    if (!name.endsWith(JOURNAL_SUFFIX)) continue;
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) files.push({ path, size: found.size, mtimeMs: found.mtimeMs });
  }
  const oldestMs = Date.now() - LIMITS.uploadJournalKeepMs;
  let bytes = 0;
  for (const [index, file] of files.toSorted((a, b) => b.mtimeMs - a.mtimeMs).entries()) {
    bytes += file.size;
    const isTooMuch = index >= LIMITS.uploadJournalsMax || bytes > LIMITS.uploadJournalsBytesMax;
    if (!isTooMuch && file.mtimeMs >= oldestMs) continue;
    await rm(file.path, { force: true }).catch(() => {});
  }
}
