/** Files for packs and tars, and what no volume takes of them. */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../src/base/digest.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { PackEntry, PackFile } from '../../src/wire/entry-pack.ts';

export const meta = { mode: 0o640, mtimeUs: 1_700_000_000_000_001 };
export const small = new Uint8Array(randomBytes(1000));
export const other = new Uint8Array(randomBytes(1001));
export const large = new Uint8Array(LIMITS.smallFileBytesMax);

export function file(path: string, data: Uint8Array): PackFile {
  return { kind: 'file', path, data, digest: sha256(data), ...meta };
}

interface BadPack {
  readonly what: string;
  readonly code: string;
  readonly status: number;
  readonly path?: string;
  readonly entries: () => PackEntry[];
}

export const BAD_PACKS: readonly BadPack[] = [
  {
    what: 'a wrong digest',
    code: 'bad_chunk',
    status: 422,
    entries: () => [
      file('a-fine', small),
      { kind: 'file', path: 'bad', data: small, digest: sha256(other), ...meta },
    ],
  },
  {
    what: 'a file where a directory is',
    code: 'is_a_directory',
    status: 409,
    entries: () => [file('a-fine', small), file('dir', small)],
  },
  {
    what: 'a file below a file',
    code: 'not_a_directory',
    status: 409,
    entries: () => [file('a-fine', small), file('f/x', small)],
  },
  {
    what: 'a file below one of its own files',
    code: 'not_a_directory',
    status: 409,
    entries: () => [file('p', small), file('p/q', small)],
  },
  {
    what: 'a link in the place of a directory of its own',
    code: 'not_a_directory',
    status: 409,
    entries: () => [{ kind: 'symlink', path: 'p', target: 'dir', ...meta }, file('p/q', small)],
  },
  {
    what: 'a path that leaves the directory',
    code: 'bad_request',
    status: 400,
    entries: () => [file('../out', small), file('fine', small)],
  },
  {
    what: 'too many entries',
    code: 'body_too_large',
    status: 413,
    entries: () =>
      Array.from({ length: LIMITS.tarFilesMax + 1 }, (_, index) =>
        file(String(10_000 + index), small),
      ),
  },
  {
    what: 'too many bytes',
    code: 'body_too_large',
    status: 413,
    entries: () => Array.from({ length: 65 }, (_, index) => file(`a${100 + index}`, large)),
  },
  {
    what: 'a missing target',
    code: 'not_found',
    status: 404,
    path: '/alice/nowhere',
    entries: () => [file('fine', small)],
  },
  {
    what: 'a target that is a file',
    code: 'not_a_directory',
    status: 409,
    path: '/alice/f',
    entries: () => [file('fine', small)],
  },
];
