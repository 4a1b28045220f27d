import { type ErrorCode, type GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeTar, type TarEntry } from '../wire/tar.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { concurrently } from './concurrently.ts';
import { isFaultOfOne } from './fault-scope.ts';
import type { CallOptions } from './files.ts';
import type { Session } from './session.ts';
import type { Tally } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';
import { makeTarBody, type TarBody } from './tar-body.ts';
import { errorOfFault, startTreeWorker } from './tree-worker.ts';
import { uploadFile } from './upload.ts';
import type { LargeFile, TreePart } from './upload-worker.ts';

export interface UploadTreeOptions extends CallOptions {
  /** Local directory. */
  readonly source: string;
  /** `/<volume>/<path>` of an existing directory, which gets the content of `source`. */
  readonly path: string;
  /** Files and links, by their path below `source`, that are not to be replaced. */
  readonly kept?: ReadonlySet<string>;
  readonly tally: Tally;
  readonly transfer: TransferOptions;
}

/** Faults of one entry: the others of its stream may be fine. */
const ENTRY_FAULTS: readonly ErrorCode[] = [
  'bad_chunk',
  'bad_request',
  'exists',
  'is_a_directory',
  'name_too_long',
  'not_a_directory',
  'not_a_file',
  'not_empty',
];

/**
 * Uploads everything below a directory: small files, directories and links in tar streams that are
 * committed whole, larger files chunk by chunk. Failures of single files go to the tally. Throws what
 * ends it all; what was committed until then stays.
 */
export async function uploadTree(session: Session, options: UploadTreeOptions): Promise<void> {
  await using worker = startTreeWorker<'next', TreePart>('upload-worker', {
    source: options.source,
    kept: options.kept,
  });
  const upload = new TreeUpload(session, options);
  const parts = partsOf(() => worker.ask('next'));
  await concurrently(parts, LIMITS.tarStreamsInFlight, (part) => upload.sendPart(part));
}

/** The next part is prepared while the one before is sent. */
async function* partsOf(ask: () => Promise<TreePart>): AsyncGenerator<TreePart, void, void> {
  let part = await ask();
  while (!part.isLast) {
    const next = ask();
    // It is awaited below, unless the transfer ends before.
    next.catch(() => {});
    yield part;
    part = await next;
  }
  yield part;
}

class TreeUpload {
  readonly #session: Session;
  readonly #options: UploadTreeOptions;

  constructor(session: Session, options: UploadTreeOptions) {
    this.#session = session;
    this.#options = options;
  }

  async sendPart(part: TreePart): Promise<void> {
    const { tally, source } = this.#options;
    if (part.skipped > 0) tally.skip(part.skipped);
    for (const { relative, fault } of part.faults) {
      const error = errorOfFault(fault);
      if (!isGdpfsError(error)) throw error;
      tally.fail({ path: `${source}/${relative}`, error });
    }
    if (part.tar !== undefined) await this.#sendTar(part.tar);
    await concurrently(part.large, LIMITS.largeFilesInFlight, (file) => this.#sendLarge(file));
  }

  /** All entries, or, if one of them is refused, all others. */
  async #sendTar(tar: TarBody): Promise<void> {
    const { tally } = this.#options;
    try {
      await this.#post(tar.bytes);
    } catch (error) {
      if (!isGdpfsError(error, ...ENTRY_FAULTS)) throw error;
      await this.#sendHalves(decodeTar(tar.bytes), error);
      return;
    }
    tally.files += tar.files;
    tally.directories += tar.directories;
    tally.links += tar.links;
    tally.bytesSent += tar.size;
    tally.addBytes(tar.size);
  }

  async #sendHalves(entries: readonly TarEntry[], error: GdpfsError): Promise<void> {
    const [first] = entries;
    if (first === undefined) throw error;
    if (entries.length === 1) {
      this.#options.tally.fail({ path: this.#remotePath(first.path), error });
      return;
    }
    const middle = Math.ceil(entries.length / 2);
    await this.#sendTar(await makeTarBody(entries.slice(0, middle)));
    await this.#sendTar(await makeTarBody(entries.slice(middle)));
  }

  async #post(bytes: Uint8Array): Promise<void> {
    const { path, signal } = this.#options;
    await this.#session.request({
      method: 'POST',
      route: '/api/v1/storage/files',
      query: { path },
      body: { type: MEDIA_TYPES.tar, bytes },
      changes: true,
      signal,
    });
  }

  async #sendLarge({ path, relative }: LargeFile): Promise<void> {
    const { tally, transfer, signal } = this.#options;
    let progress = 0;
    try {
      const result = await uploadFile(this.#session, {
        source: path,
        path: this.#remotePath(relative),
        parents: true,
        transfer,
        onProgress: (bytes) => {
          progress += bytes;
          tally.addBytes(bytes);
        },
        signal,
      });
      tally.fileDone({ path: this.#remotePath(relative), ...result });
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      tally.addBytes(-progress);
      tally.fail({ path, error });
    }
  }

  #remotePath(relative: string): string {
    return `${this.#options.path}/${relative}`;
  }
}
