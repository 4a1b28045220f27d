import { bytesEqual } from '../../src/base/bytes.ts';
import { crc32, sha256 } from '../../src/base/digest.ts';
import { encodeFchunk, encodeFileMeta } from '../../src/format/records.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { Change, FileContent } from '../../src/fs/types.ts';
import type { Random } from './random.ts';

/** What is below a folder: the bytes of each file, null for a directory. */
export type Tree = ReadonlyMap<string, Uint8Array | null>;

export interface Step {
  /** Paths in it are relative to the folder. */
  readonly change: Change | { readonly kind: 'truncate'; readonly path: string; size: number };
  /** Must be stored before the change. */
  readonly chunks: readonly Uint8Array[];
  /** What is below the folder when the change is done. */
  readonly after: Tree;
}

const DIRECTORIES = ['d', 'e', 'g'] as const;
const FILES = ['a', 'b', 'c', ...DIRECTORIES.flatMap((name) => [`${name}/x`, `${name}/y`])];
const CHUNK_BYTES_MAX = 1500;

/** A random change that must succeed on `tree`, of the files and directories named above. */
export function randomStep(random: Random, tree: Tree): Step {
  const choice = random.next();
  if (choice < 0.12) {
    const steps: Step[] = [];
    let after = tree;
    for (let count = random.integer(2, 5); count > 0; count--) {
      const step = randomChange(random, after);
      steps.push(step);
      after = step.after;
    }
    const changes = steps.map(({ change }) => change as Change);
    const chunks = steps.flatMap((step) => step.chunks);
    return { change: { kind: 'many', changes }, chunks, after };
  }
  const path = random.pick(filesOf(tree));
  if (choice < 0.2 && path !== undefined) return truncateStep(random, tree, path);
  return randomChange(random, tree);
}

function randomChange(random: Random, tree: Tree): Step {
  const files = filesOf(tree);
  const directories = DIRECTORIES.filter((name) => tree.has(name));
  const source = random.pick(files);
  const directory = random.pick(directories);
  const choice = random.next();
  if (choice < 0.15 && source !== undefined) {
    const to = random.pick(FILES.filter((path) => hasParent(tree, path) && path !== source));
    if (to === undefined) return putStep(random, tree);
    const kind = random.chance(0.5) ? 'rename' : 'copy';
    const after = new Map(tree).set(to, tree.get(source) ?? null);
    if (kind === 'rename') after.delete(source);
    return { change: { kind, path: source, to }, chunks: [], after };
  }
  if (choice < 0.25 && directory !== undefined) {
    const to = random.pick(DIRECTORIES.filter((name) => !tree.has(name)));
    if (to === undefined) return removeStep(tree, directory);
    return {
      change: { kind: 'rename', path: directory, to },
      chunks: [],
      after: moved(tree, directory, to),
    };
  }
  if (choice < 0.4 && source !== undefined) return removeStep(tree, source);
  if (choice < 0.45) {
    const path = random.pick(DIRECTORIES);
    const after = new Map(tree).set(path, null);
    return { change: { kind: 'mkdir', path, parents: true }, chunks: [], after };
  }
  return putStep(random, tree);
}

function putStep(random: Random, tree: Tree): Step {
  const path = random.pick(FILES) ?? 'a';
  const length = random.pick([0, random.integer(1, 300), random.integer(300, 5000)]);
  const { file, chunks, bytes } = randomFile(random, length);
  const after = new Map(tree).set(path, bytes);
  const slash = path.indexOf('/');
  if (slash > 0) after.set(path.slice(0, slash), null);
  return { change: { kind: 'put', path, file, parents: true }, chunks, after };
}

/** A new file of random bytes, in chunks of random sizes. */
export function randomFile(
  random: Random,
  length: number,
): {
  readonly file: FileContent;
  readonly chunks: readonly Uint8Array[];
  readonly bytes: Uint8Array;
} {
  const bytes = random.bytes(length);
  const chunks: Uint8Array[] = [];
  const nonce = random.bytes(16);
  const records = [encodeFileMeta({ nonce, createdMs: 1, chunkSize: CHUNK_BYTES_MAX })];
  for (let offset = 0; offset < length; ) {
    const data = bytes.slice(offset, offset + random.integer(1, CHUNK_BYTES_MAX));
    const chunk = { offset, length: data.length, checksum: crc32(data), digest: sha256(data) };
    records.push(encodeFchunk(chunk));
    chunks.push(data);
    offset += data.length;
  }
  return { file: { records }, chunks, bytes };
}

function truncateStep(random: Random, tree: Tree, path: string): Step {
  const old = tree.get(path) ?? new Uint8Array(0);
  const size = random.integer(0, old.length + 100);
  const bytes = new Uint8Array(size);
  bytes.set(old.subarray(0, size));
  const change = { kind: 'truncate', path, size } as const;
  return { change, chunks: [], after: new Map(tree).set(path, bytes) };
}

function removeStep(tree: Tree, path: string): Step {
  const after = new Map(
    [...tree].filter(([each]) => each !== path && !each.startsWith(`${path}/`)),
  );
  return { change: { kind: 'remove', path, recursive: true }, chunks: [], after };
}

function moved(tree: Tree, from: string, to: string): Tree {
  return new Map(
    [...tree].map(([path, bytes]) => {
      const isMoved = path === from || path.startsWith(`${from}/`);
      return [isMoved ? to + path.slice(from.length) : path, bytes];
    }),
  );
}

function filesOf(tree: Tree): string[] {
  return [...tree].flatMap(([path, bytes]) => (bytes === null ? [] : [path]));
}

function hasParent(tree: Tree, path: string): boolean {
  const slash = path.indexOf('/');
  return slash < 0 || tree.has(path.slice(0, slash));
}

/** `change` with all its paths below `folder`. */
export function below(folder: string, change: Change): Change {
  if (change.kind === 'many') {
    return { kind: 'many', changes: change.changes.map((each) => below(folder, each)) };
  }
  const path = `${folder}/${change.path}`;
  return 'to' in change ? { ...change, path, to: `${folder}/${change.to}` } : { ...change, path };
}

/** What the file system has below `folder`, every byte read. */
export async function readTree(fs: FileSystem, volume: Uint8Array, folder: string): Promise<Tree> {
  const tree = new Map<string, Uint8Array | null>();
  const { entries } = fs.list(volume, folder, { recursive: true, limit: 1000 });
  for (const entry of entries) {
    const path = entry.path.slice(folder === '' ? 0 : folder.length + 1);
    if (entry.kind !== 'file') {
      tree.set(path, null);
      continue;
    }
    const bytes = new Uint8Array(entry.size);
    for (const chunk of await fs.manifest(volume, entry)) {
      bytes.set(await fs.readChunk(volume, chunk), chunk.offset);
    }
    tree.set(path, bytes);
  }
  return tree;
}

export function sameTree(left: Tree, right: Tree): boolean {
  if (left.size !== right.size) return false;
  return [...left].every(([path, bytes]) => {
    const other = right.get(path);
    if (bytes === null || other === null || other === undefined) return bytes === other;
    return bytesEqual(bytes, other);
  });
}

/** For messages: each path with its length and the beginning of its digest. */
export function describeTree(tree: Tree): string {
  const lines = [...tree].map(([path, bytes]) => {
    if (bytes === null) return `${path}/`;
    return `${path} (${bytes.length}, ${Buffer.from(sha256(bytes)).toString('hex').slice(0, 8)})`;
  });
  return lines.sort().join(', ');
}
