import { LogKind, NodeKind } from '../format/generated/gdpfs_pb.js';
import { joinPath } from '../format/path.ts';
import { decodeMeta } from '../format/records.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import type { BriefRow } from './entry-table.ts';
import type { Walked } from './tree.ts';
import type { BriefEntry, Entry } from './types.ts';

const ROOT_MODE = 0o755;

/** The root directory: every volume has it, though no dentry says so. */
export function rootEntry(volume: VolumeRow): Entry {
  return {
    path: '',
    kind: 'directory',
    node: ROOT_NODE,
    seq: 0,
    size: 0,
    mode: ROOT_MODE,
    mtimeUs: Number(decodeMeta(volume.meta, LogKind.DIRECTORY).createdMs) * 1000,
    author: '',
  };
}

/** What callers see of a row found at `walked.path` below `directory`. */
export function asEntry(directory: string, walked: Walked): Entry {
  const { row } = walked;
  const { log, root, content, logCount, target } = row;
  return {
    path: joinPath(directory, walked.path),
    kind: kindName(row.kind),
    node: row.node,
    seq: row.seq,
    size: row.size,
    mode: row.mode,
    mtimeUs: row.mtimeUs,
    author: row.author,
    ...(log === undefined || root === undefined || content === undefined
      ? {}
      : { file: { log, logCount, root, content } }),
    ...(target === undefined ? {} : { target }),
  };
}

export function asBriefEntry({ path, row }: Walked<BriefRow>): BriefEntry {
  const { size, mode, mtimeUs, content, target } = row;
  return {
    relative: path,
    kind: kindName(row.kind),
    size,
    mode,
    mtimeUs,
    ...(content === undefined ? {} : { content }),
    ...(target === undefined ? {} : { target }),
  };
}

/** Its name in the API. */
export function kindName(kind: NodeKind): Entry['kind'] {
  if (kind === NodeKind.DIRECTORY) return 'directory';
  return kind === NodeKind.SYMLINK ? 'symlink' : 'file';
}
