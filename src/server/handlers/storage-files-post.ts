import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { writeFile } from '../content-write.ts';
import type { Exchange } from '../exchange.ts';
import { writeTar } from '../tar-write.ts';

/** POST /api/v1/storage/files: a whole file, or many from a tar stream. */
export async function storageFilesPost(exchange: Exchange<'storageFilesPost'>): Promise<void> {
  if (exchange.bodyType === MEDIA_TYPES.tar) return await writeTar(exchange);
  await writeFile(exchange);
}
