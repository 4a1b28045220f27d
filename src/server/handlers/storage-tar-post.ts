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
import { loadPack, replyPack } from '../file-pack.ts';
import { replyTaken, withAnswerRoom } from '../reply.ts';
import { momentOf } from '../request-values.ts';
import { loadPage, TAR_COPIES } from '../tar-read.ts';

/** POST /api/v1/storage/tar: those of the named files that are there and small. */
export async function storageTarPost(exchange: Exchange<'storageTarPost'>): Promise<void> {
  const { query, request, services } = exchange;
  const { value } = await readJson<TarSelection>(exchange);
  const paths = value.paths.map(parsePath);
  const { fs } = services;
  const moment = momentOf(query.at);
  const target = authorizePath(exchange, query.path, { need: 'see', at: moment.at });
  const { rights } = target;
  requireDirectory(fs.stat(target.volume.name, target.path, moment.at));
  const found = fs.find(target.volume.name, target.path, { paths, rights, ...moment });
  const files = smallFiles(found);
  const isPack = request.headers.accept?.includes(MEDIA_TYPES.files) === true;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await withAnswerRoom(exchange, isPack ? bytes : TAR_COPIES * bytes, async () => {
    if (isPack)
      return await replyPack(exchange, await loadPack(exchange, target, { files, paths }));
    const entries = await loadPage(exchange, target, files);
    const headers = { 'Content-Type': MEDIA_TYPES.tar, Vary: 'Accept' };
    await replyTaken(exchange, { status: 200, headers }, encodeTar(entries));
  });
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
