import { crc32, formatDigest } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Dentry } from '../format/dentry.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { Chunk } from '../format/manifest.ts';
import type { Entry } from '../wire/generated/api.ts';
import { bodyPoolOf, ChunkBody, groupChunks } from './chunk-body.ts';
import { fetchChunks } from './chunk-data.ts';
import { concurrently } from './concurrently.ts';
import { isFaultOfOne } from './fault-scope.ts';
import type { CallOptions } from './files.ts';
import { fetchManifest, type FileVersion } from './manifest.ts';
import { hasContent, unpackFiles } from './received-files.ts';
import type { Session } from './session.ts';
import { fetchTar, isSmall, relativeTo, type TreeWindow, treeWindows } from './tree-windows.ts';
import type { Verification } from './verification.ts';
import type { VolumeTree } from './volume-tree.ts';
import { userPath } from '../format/path.ts';

interface ContentOptions extends CallOptions {
  /** 43-character name. */
  readonly volume: string;
  /** The state that `tree` is. */
  readonly seq: number;
  /** What the signed log says. */
  readonly tree: VolumeTree;
  /** Also the bytes of the files. */
  readonly data: boolean;
}

/** Compares what the server lists, and with `data` what it holds, with the verified log. */
export async function verifyContent(
  session: Session,
  options: ContentOptions,
  verification: Verification,
): Promise<void> {
  const { volume, seq, tree, data, signal } = options;
  const expected = new Map<string, Dentry>();
  for (const { path, dentry } of tree.walk()) expected.set(path, dentry);
  const check = new ContentCheck(session, verification, signal);
  const windows = treeWindows(session, { path: `/${volume}`, at: String(seq), signal });
  await concurrently(windows, LIMITS.tarStreamsReceived, async (window) => {
    const good = window.entries.filter((entry) => {
      const path = relativeTo(window.root, entry);
      const isGood = isSame(entry, expected.get(path));
      if (!isGood) verification.note(untrusted(path, 'the server lists something else'), path);
      expected.delete(path);
      return isGood;
    });
    if (data) await check.window(window, good);
  });
  for (const path of expected.keys()) {
    verification.note(untrusted(path, 'the server does not list it'), path);
  }
}

const KINDS = {
  [NodeKind.FILE]: 'file',
  [NodeKind.DIRECTORY]: 'directory',
  [NodeKind.SYMLINK]: 'symlink',
} as const;

function isSame(entry: Entry, dentry: Dentry | undefined): boolean {
  if (dentry === undefined) return false;
  if (entry.kind !== KINDS[dentry.kind] || entry.node !== dentry.node) return false;
  if (entry.mode !== dentry.mode || entry.mtimeUs !== dentry.mtimeUs) return false;
  if (entry.target !== dentry.target || entry.size !== dentry.size) return false;
  return entry.etag === (dentry.file && formatDigest(dentry.file.content));
}

/** Fetches and checks files; nothing is kept. */
class ContentCheck {
  readonly #session: Session;
  readonly #verification: Verification;
  readonly #signal: AbortSignal | undefined;

  constructor(session: Session, verification: Verification, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#verification = verification;
    this.#signal = signal;
  }

  async window(window: TreeWindow, entries: readonly Entry[]): Promise<void> {
    const rest = entries.filter((entry) => entry.kind === 'file' && !isSmall(entry));
    const small = entries.filter(isSmall);
    const files = await this.#fetchSmall(window, small);
    for (const entry of small) {
      const file = files.get(relativeTo(window.root, entry));
      const etag = entry.etag ?? '';
      if (file !== undefined && hasContent(file, { size: entry.size, etag })) {
        this.#count(entry, file.manifest?.length ?? Math.min(entry.size, 1));
      } else {
        rest.push(entry);
      }
    }
    await concurrently(rest, LIMITS.largeFilesInFlight, (entry) => this.#checkFile(window, entry));
  }

  /** A stream that the server cannot send is as if it were empty: its files are looked at singly. */
  async #fetchSmall(
    window: TreeWindow,
    small: readonly Entry[],
  ): Promise<ReturnType<typeof unpackFiles>> {
    if (small.length === 0) return new Map();
    try {
      return unpackFiles(await fetchTar(this.#session, window, this.#signal));
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      return new Map();
    }
  }

  async #checkFile(window: TreeWindow, entry: Entry): Promise<void> {
    const relative = relativeTo(window.root, entry);
    const version: FileVersion = {
      path: entry.path,
      at: window.at,
      size: entry.size,
      etag: entry.etag ?? '',
      signal: this.#signal,
    };
    try {
      const { chunks } = await fetchManifest(this.#session, version);
      await concurrently(groupChunks(chunks), LIMITS.transferConcurrency, async (group) => {
        await bodyPoolOf(this.#session).with(async (bytes) => {
          const body = await fetchChunks(
            this.#session,
            version,
            group,
            new ChunkBody(bytes, group),
          );
          requireChecksums(version.path, group, body);
        });
      });
      this.#count(entry, chunks.length);
    } catch (error) {
      this.#verification.note(error, relative);
    }
  }

  #count(entry: Entry, chunks: number): void {
    this.#verification.files += 1;
    this.#verification.chunks += chunks;
    this.#verification.bytes += entry.size;
    this.#verification.report();
  }
}

/** No digest covers the checksums in a manifest. */
function requireChecksums(path: string, chunks: readonly Chunk[], body: ChunkBody): void {
  for (const [index, { offset, checksum }] of chunks.entries()) {
    if (crc32(body.view(index)) === checksum) continue;
    throw new GdpfsError(
      'corrupt',
      `cannot trust the manifest of "${userPath(path)}": the checksum of the chunk at ${offset} is wrong`,
    );
  }
}

function untrusted(path: string, fault: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust "${path}" as the log has it: ${fault}`);
}
