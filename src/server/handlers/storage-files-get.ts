import { GdpfsError } from '../../base/errors.ts';
import { baseName } from '../../format/path.ts';
import { authorizePath } from '../authorize.ts';
import { requireDirectory, requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { replyFile } from '../file-reply.ts';
import { momentOf } from '../request-values.ts';
import { replyTar } from '../tar-read.ts';
import { replyZip } from '../zip-read.ts';

/** GET /api/v1/storage/files: a file's bytes, or a directory as tar or zip. */
export async function storageFilesGet(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { format, after, limit, maxFileSize } = exchange.query;
  if (format === 'tar') return await replyTar(exchange);
  if (after !== undefined || limit !== undefined || maxFileSize !== undefined) {
    throw new GdpfsError(
      'bad_request',
      'cannot read query: "after", "limit" and "maxFileSize" need "format=tar"',
    );
  }
  await (format === 'zip' ? replyArchive(exchange) : replyWhole(exchange));
}

async function replyArchive(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { query, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path, rights } = authorizePath(exchange, query.path, { need: 'see', at });
  requireDirectory(services.fs.stat(volume.name, path, at));
  await replyZip(exchange, { volume, path, rights, at, name: baseName(path) || volume.alias });
}

async function replyWhole(exchange: Exchange<'storageFilesGet'>): Promise<void> {
  const { query, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, query.path, { need: 'read', at });
  const entry = requireFile(services.fs.stat(volume.name, path, at));
  await replyFile(exchange, { volume, entry });
}
