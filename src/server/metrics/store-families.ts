import { statfs } from 'node:fs/promises';
import type { OpenedFileSystem } from '../../fs/open.ts';
import { counter, type Family, gauge, histogram } from './families.ts';

/** Of the store in the data folder: what it took, what waits, and how it is. */
export async function storeFamilies(
  { status, damageCount, fs }: Pick<OpenedFileSystem, 'status' | 'damageCount' | 'fs'>,
  dataDirectory: string,
): Promise<Family[]> {
  const { segments, changesWaiting, rowsWaiting, hasFailed } = status;
  const { counts, diskBytes, waitingBytes } = segments;
  const disk = await statfs(dataDirectory);
  return [
    gauge('gdpfs_volumes', 'Volumes of the server.', fs.listVolumes().length),
    counter('gdpfs_store_commits', 'Commits that became durable.', counts.commits),
    counter('gdpfs_store_chunks', 'Chunks that became durable.', counts.chunks),
    counter('gdpfs_store_chunk_bytes', 'Their bytes.', counts.chunkBytes),
    counter('gdpfs_store_written_bytes', 'Bytes written to the segments.', counts.bytes),
    gauge('gdpfs_store_disk_bytes', 'Bytes that the segments take of the disk.', diskBytes),
    histogram(
      'gdpfs_store_sync_seconds',
      'How long the disk took to write and sync what came together.',
      [{ histogram: counts.syncSeconds }],
    ),
    gauge('gdpfs_store_waiting_bytes', 'Bytes accepted and not yet durable.', waitingBytes),
    gauge('gdpfs_store_changes_waiting', 'Changes that wait for their turn.', changesWaiting),
    gauge('gdpfs_index_rows_waiting', 'Durable rows that wait for the index.', rowsWaiting),
    gauge(
      'gdpfs_store_failed',
      '1 if nothing can be written before the server is started again.',
      hasFailed ? 1 : 0,
    ),
    gauge(
      'gdpfs_store_damaged_places',
      'Damaged places of the segments that the start has found.',
      damageCount,
    ),
    gauge('gdpfs_disk_free_bytes', "Free on the store's disk.", disk.bavail * disk.bsize),
    gauge('gdpfs_disk_size_bytes', 'Of that disk.', disk.blocks * disk.bsize),
  ];
}
