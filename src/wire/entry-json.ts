import { formatDigest } from '../base/digest.ts';
import { baseName, formatApiPath } from '../format/path.ts';
import type { Entry } from './generated/api.ts';

/** What an entry's JSON form is made of, whoever knows it. */
export interface EntryFacts
  extends Pick<Entry, 'kind' | 'node' | 'seq' | 'size' | 'mode' | 'mtimeUs' | 'author'> {
  /** Inside the volume. */
  readonly path: string;
  readonly target?: string | undefined;
  readonly file?:
    | {
        readonly content: Uint8Array;
        readonly root: Uint8Array;
        readonly log: Uint8Array;
        readonly logCount: number;
      }
    | undefined;
}

/** The JSON form of api/openapi.yaml of an entry in the volume with the alias or name `volume`. */
export function entryJson(volume: string, facts: EntryFacts): Entry {
  const { path, kind, node, seq, size, mode, mtimeUs, author, file, target } = facts;
  return {
    path: formatApiPath({ volume, path }),
    name: baseName(path),
    kind,
    node,
    seq,
    size,
    mode,
    mtimeUs,
    author,
    ...(file === undefined
      ? {}
      : {
          etag: formatDigest(file.content),
          root: formatDigest(file.root),
          log: formatDigest(file.log),
          logCount: file.logCount,
        }),
    ...(target === undefined ? {} : { target }),
  };
}
