import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatDigest } from '../../base/digest.ts';
import { isGdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { Md5Stream } from '../../base/md5.ts';
import type { VolumeInfo } from '../../fs/types.ts';
import type { FileMd5 } from '../../wire/generated/api.ts';
import { formatETag } from '../../wire/headers.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { encodeProblem } from '../../wire/problem.ts';
import { authorizePath } from '../authorize.ts';
import { type FileEntry, readContent, readVerifiedChunk, requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { requireMatch } from '../preconditions.ts';
import { clientGone, replyJson, writePiece } from '../reply.ts';
import { momentOf } from '../request-values.ts';

const SPACE = new Uint8Array([0x20]);

/** GET /api/v1/file/md5: the MD5 of a file's verified content. */
export async function fileMd5Get(exchange: Exchange<'fileMd5Get'>): Promise<void> {
  const { query, request, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, query.path, { need: 'read', at });
  const entry = requireFile(services.fs.stat(volume.name, path, at));
  requireMatch(request, entry);
  using _ = services.md5Slots.take(exchange.caller?.principal);
  const answer = new SlowAnswer(exchange, entry);
  try {
    const md5 = await md5OfContent(exchange, { volume, entry }, () => answer.keepAlive());
    answer.end({ md5, size: entry.size, etag: formatDigest(entry.file.content) });
  } catch (error) {
    answer.fail(error);
  }
}

/** `onPiece` is called before each piece, to stop the work by throwing. */
async function md5OfContent(
  { services }: Exchange,
  { volume, entry }: { readonly volume: VolumeInfo; readonly entry: FileEntry },
  onPiece: () => Promise<void>,
): Promise<string> {
  const { fs, buffers } = services;
  const chunks = await fs.manifest(volume.name, entry);
  const whole = { offset: 0, length: entry.size };
  await using sum = new Md5Stream();
  const pieces = readContent(chunks, whole, (chunk) =>
    readVerifiedChunk(fs, volume, chunk, buffers.take(chunk.length)),
  );
  for await (const piece of pieces) {
    await onPiece();
    await sum.update(piece);
    buffers.give(piece);
    // A thread that answers at once would keep the event loop to itself.
    await nextTurn();
  }
  return await sum.digest();
}

/**
 * An answer that takes long. If it is not there soon it begins with spaces, which JSON allows, so
 * that nobody on the way takes the silence for the end.
 */
class SlowAnswer {
  readonly #exchange: Exchange;
  readonly #headers: Readonly<Record<string, string>>;
  #heardMs: number;

  constructor(exchange: Exchange, { file }: FileEntry) {
    this.#exchange = exchange;
    this.#headers = { 'Content-Type': MEDIA_TYPES.json, ETag: formatETag(file.content) };
    this.#heardMs = exchange.services.clock.now();
  }

  /** Throws `unavailable` if the client went away. */
  async keepAlive(): Promise<void> {
    const { services, response } = this.#exchange;
    if (response.destroyed) throw clientGone();
    const nowMs = services.clock.now();
    if (nowMs - this.#heardMs < LIMITS.keepAnswerAliveMs) return;
    this.#heardMs = nowMs;
    if (!response.headersSent) {
      response.writeHead(200, { 'Cache-Control': 'no-store', ...this.#headers });
    }
    await writePiece(response, SPACE);
  }

  end(value: FileMd5): void {
    const { response } = this.#exchange;
    if (response.headersSent) response.end(JSON.stringify(value));
    else replyJson(this.#exchange, { status: 200, headers: this.#headers }, value);
  }

  /** Throws `error` as long as it can have an answer of its own. */
  fail(error: unknown): void {
    const { response, services } = this.#exchange;
    if (!response.headersSent || response.destroyed || !isGdpfsError(error)) throw error;
    services.logger.error({ err: error }, error.message);
    response.end(JSON.stringify(encodeProblem(error)));
  }
}
