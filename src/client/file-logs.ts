import { bytesEqual, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import type { FileLogPart } from '../format/commit.ts';
import { ContentFold, contentRoot } from '../format/content.ts';
import { type GDPfsDentry, LogKind, NodeKind } from '../format/generated/gdpfs_pb.js';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { decodeFchunk, decodeMeta, logName } from '../format/records.ts';

/** One state of a file log: what a dentry that pins it must say. */
interface Version {
  readonly root: Uint8Array;
  readonly content: Uint8Array;
  readonly size: number;
}

interface Log {
  readonly frontier: MerkleFrontier;
  readonly fold: ContentFold;
  /** By count of records, for every end of a part. */
  readonly versions: Map<number, Version>;
}

/**
 * The file logs of a volume as its commits add to them, and whether the dentries say of them what
 * they are. Memory grows with the chunks of the volume.
 */
export class FileLogs {
  readonly #logs = new Map<string, Log>();

  /** Throws `corrupt` for records that cannot follow those before. */
  append(part: FileLogPart): void {
    const name = hexEncode(part.log);
    const log = this.#logs.get(name) ?? newLog(part);
    if (part.firstSeq !== log.frontier.count) {
      throw corrupt(name, `records from ${part.firstSeq}, need ${log.frontier.count}`);
    }
    for (const record of part.records) {
      if (log.frontier.count > 0) log.fold.apply(decodeFchunk(record));
      log.frontier.append(leafHash(record));
    }
    const manifest = log.fold.manifest();
    log.versions.set(log.frontier.count, {
      root: log.frontier.root(),
      content: contentRoot(manifest),
      size: manifest.size,
    });
    this.#logs.set(name, log);
  }

  /** Throws `untrusted` if a file's dentry pins what its log is not. */
  check(seq: number, dentry: GDPfsDentry): void {
    if (dentry.removed || dentry.kind !== NodeKind.FILE) return;
    const name = hexEncode(dentry.log);
    const version = this.#logs.get(name)?.versions.get(Number(dentry.logCount));
    if (version === undefined) {
      throw untrusted(seq, `file log ${name} has no version of ${dentry.logCount} records`);
    }
    if (!bytesEqual(version.root, dentry.root)) throw untrusted(seq, 'the root of its file log');
    if (!bytesEqual(version.content, dentry.content)) throw untrusted(seq, 'its content root');
    if (BigInt(version.size) !== dentry.size) throw untrusted(seq, 'its size');
  }
}

function newLog({ log, records }: FileLogPart): Log {
  const [meta] = records;
  if (meta === undefined || !bytesEqual(logName(meta), log)) {
    throw corrupt(hexEncode(log), 'its name is not that of its first record');
  }
  decodeMeta(meta, LogKind.FILE);
  return { frontier: new MerkleFrontier(), fold: new ContentFold(), versions: new Map() };
}

function corrupt(name: string, why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot use file log ${name}: ${why}`);
}

function untrusted(seq: number, what: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust dentry ${seq}: ${what} is not what the log says`);
}
