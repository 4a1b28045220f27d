import type { Chunking } from '../format/chunker.ts';
import type { VolumeInfo } from '../fs/types.ts';
import type { Exchange } from './exchange.ts';

/**
 * How files of a volume with chunking `cdc` are cut. The one way to the key: `volume` is from
 * authorize.ts, which gives a volume only to those who may write to it. Throws `read_only`.
 */
export function contentChunking(
  { services: { fs } }: Pick<Exchange, 'services'>,
  volume: VolumeInfo,
): Chunking {
  return { mode: 'cdc', key: fs.chunkingKey(volume.name) };
}
