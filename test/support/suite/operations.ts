import { type ErrorCode, GdpfsError, isGdpfsError } from '../../../src/base/errors.ts';
import { overlapping } from '../../../src/format/content.ts';
import { joinPath } from '../../../src/format/path.ts';
import type { Change, ChangeResult, Entry } from '../../../src/fs/types.ts';
import { outcome, type TestStore } from '../store.ts';

/** What a case may do: the suite's operations, made of those of the layer. */
export class Operations {
  readonly #store: TestStore;
  readonly #root: string;

  constructor(store: TestStore, root: string) {
    this.#store = store;
    this.#root = root;
  }

  path(path: string): string {
    return path === '' ? this.#root : joinPath(this.#root, path);
  }

  async apply(change: Change): Promise<ChangeResult> {
    return await this.#store.apply(change);
  }

  /** NewWritableFile, Append, Close. */
  async write(path: string, text = ''): Promise<void> {
    await this.#store.put(this.path(path), text === '' ? [] : text);
  }

  /** NewAppendableFile, Append, Close. */
  async append(path: string, text = ''): Promise<void> {
    const full = this.path(path);
    try {
      this.#store.stat(full);
    } catch (error) {
      if (!isGdpfsError(error, 'not_found')) throw error;
      await this.write(path);
    }
    if (text === '') await this.#store.truncate(full, this.#store.stat(full).size);
    else await this.#store.append(full, text);
  }

  /** NewRandomAccessFile, Read. */
  async read(path: string, offset: number, length: number): Promise<string> {
    const entry = this.stat(path);
    const chunks = await this.#store.fs.manifest(this.#store.volume, entry);
    if (offset + length > entry.size) throw new GdpfsError('bad_range', 'cannot read: too far');
    const bytes = new Uint8Array(entry.size);
    for (const chunk of overlapping(chunks, { offset, length })) {
      bytes.set(await this.#store.fs.readChunk(this.#store.volume, chunk), chunk.offset);
    }
    return Buffer.from(bytes.subarray(offset, offset + length)).toString();
  }

  /** NewReadOnlyMemoryRegionFromFile. */
  async map(path: string): Promise<string> {
    const size = await this.size(path);
    if (size === 0) throw new GdpfsError('bad_request', 'cannot map file: it is empty');
    return await this.read(path, 0, size);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.apply({ kind: 'mkdir', path: this.path(path) });
  }

  async makeDirectories(path: string): Promise<void> {
    await this.apply({ kind: 'mkdir', path: this.path(path), parents: true });
  }

  async removeFile(path: string): Promise<void> {
    await this.apply({ kind: 'remove', path: this.path(path), only: 'file' });
  }

  async removeDirectory(path: string): Promise<void> {
    await this.apply({ kind: 'remove', path: this.path(path), only: 'directory' });
  }

  async removeAll(path: string): Promise<void> {
    await this.apply({ kind: 'remove', path: this.path(path), recursive: true });
  }

  async rename(path: string, to: string): Promise<void> {
    await this.apply({ kind: 'rename', path: this.path(path), to: this.path(to) });
  }

  async copy(path: string, to: string): Promise<void> {
    await this.apply({ kind: 'copy', path: this.path(path), to: this.path(to) });
  }

  stat(path: string): Entry {
    return this.#store.stat(this.path(path));
  }

  /** FilesExist. */
  async exist(...paths: string[]): Promise<(ErrorCode | 'ok')[]> {
    return await Promise.all(paths.map(async (path) => outcome(this.#statLater(path))));
  }

  async #statLater(path: string): Promise<Entry> {
    return this.stat(path);
  }

  /** GetFileSize: files only. */
  async size(path: string): Promise<number> {
    const entry = this.stat(path);
    await this.#store.fs.manifest(this.#store.volume, entry);
    return entry.size;
  }

  /** GetChildren. */
  children(path: string): string[] {
    const options = { recursive: false, limit: 100 };
    const { entries } = this.#store.fs.list(this.#store.volume, this.path(path), options);
    return entries.map((entry) => entry.path.slice(this.path(path).length + 1));
  }

  /** GetMatchingPaths, of `*` and `?` only. */
  glob(pattern: string): string[] {
    const literal = pattern.replace(/^\/+/, '').replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    const regex = new RegExp(`^${literal.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
    return ['', ...this.tree().map((path) => path.replace(/\/$/, ''))].filter((path) =>
      regex.test(path),
    );
  }

  /** All paths below the root; those of directories end in a slash. */
  tree(): string[] {
    const options = { recursive: true, limit: 100 };
    const { entries } = this.#store.fs.list(this.#store.volume, this.#root, options);
    return entries.map(({ path, kind }) => {
      const relative = path.slice(this.#root.length + 1);
      return kind === 'directory' ? `${relative}/` : relative;
    });
  }
}

export interface Case {
  readonly name: string;
  /** State of the suite's writer when it looks at the file; absent if it was closed, or there is none. */
  readonly writer?: 'open' | 'destroyed';
  /** What is made first: `dir/`, `file` (empty) or `file=content`. Parents come by themselves. */
  readonly given?: readonly string[];
  readonly act: (fs: Operations) => unknown;
  readonly code: ErrorCode | 'ok';
  /** What `act` answers. */
  readonly value?: unknown;
  /** The tree afterwards, if it is not what was given. */
  readonly tree?: readonly string[];
}
