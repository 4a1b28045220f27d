import { GdpfsError } from '../../base/errors.ts';
import { authorizePath } from '../authorize.ts';
import { requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { replyFile } from '../file-reply.ts';
import { momentOf } from '../request-values.ts';
import { replyTar } from '../tar-read.ts';

/** GET /api/v1/storage/files: a file's bytes, or a directory as tar. */
export async function storageFilesGet(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { format, after, limit, maxFileSize } = exchange.query;
  if (format === 'tar') return await replyTar(exchange);
  if (after !== undefined || limit !== undefined || maxFileSize !== undefined) {
    throw new GdpfsError(
      'bad_request',
      'cannot read query: "after", "limit" and "maxFileSize" need "format=tar"',
    );
  }
  await replyWhole(exchange);
}

async function replyWhole(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { query, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, query.path, { need: 'read', at });
  const entry = requireFile(services.fs.stat(volume.name, path, at));
  await replyFile(exchange, { volume, entry });
}
