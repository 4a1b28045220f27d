import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { writeMany } from '../bulk-write.ts';
import { writeFile } from '../content-write.ts';
import type { Exchange } from '../exchange.ts';

/** POST /api/v1/storage/files: a whole file, or many from a tar or a pack. */
export async function storageFilesPost(exchange: Exchange<'storageFilesPost'>): Promise<void> {
  if (exchange.bodyType === MEDIA_TYPES.tar) return await writeMany(exchange, 'tar');
  if (exchange.bodyType === MEDIA_TYPES.entries) return await writeMany(exchange, 'pack');
  await writeFile(exchange);
}
