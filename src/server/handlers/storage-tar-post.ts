import { LIMITS } from '../../base/limits.ts';
import { parsePath } from '../../format/path.ts';
import type { Entry } from '../../fs/types.ts';
import type { TarSelection } from '../../wire/generated/api.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { encodeTar } from '../../wire/tar-writer.ts';
import { authorizePath } from '../authorize.ts';
import { readJson } from '../body.ts';
import { requireDirectory } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { loadPack, type Pack, replyPack } from '../file-pack.ts';
import { reply } from '../reply.ts';
import { momentOf } from '../request-values.ts';
import { loadPage, PAGE_BYTES_MAX } from '../tar-read.ts';

/** POST /api/v1/storage/tar: those of the named files that are there and small. */
export async function storageTarPost(exchange: Exchange<'storageTarPost'>): Promise<void> {
  const { query, request, services } = exchange;
  const { value } = await readJson<TarSelection>(exchange);
  const paths = value.paths.map(parsePath);
  const { fs, bodyBudget } = services;
  const moment = momentOf(query.at);
  const target = authorizePath(exchange, query.path, { need: 'see', at: moment.at });
  const { rights } = target;
  requireDirectory(fs.stat(target.volume.name, target.path, moment.at));
  const found = fs.find(target.volume.name, target.path, { paths, rights, ...moment });
  const files = smallFiles(found);
  const isPack = request.headers.accept?.includes(MEDIA_TYPES.files) === true;
  let pack: Pack | undefined;
  await bodyBudget.acquire(PAGE_BYTES_MAX);
  try {
    if (isPack) pack = await loadPack(exchange, target, { files, paths });
    else {
      const entries = await loadPage(exchange, target, files);
      const headers = { 'Content-Type': MEDIA_TYPES.tar, Vary: 'Accept' };
      reply(exchange, { status: 200, headers }, encodeTar(entries));
    }
  } finally {
    bodyBudget.release(PAGE_BYTES_MAX);
  }
  if (pack !== undefined) await replyPack(exchange, pack);
}

/** As many as one answer may hold. */
function smallFiles(entries: readonly Entry[]): Entry[] {
  let bytes = 0;
  return entries.filter(({ kind, size }) => {
    const isTaken =
      kind === 'file' && size <= LIMITS.smallFileBytesMax && bytes + size <= LIMITS.tarBytesMax;
    if (isTaken) bytes += size;
    return isTaken;
  });
}
