import type { ReadableStream } from 'node:stream/web';
import { createTarPacker } from 'modern-tar';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { packEntry, type TarEntry, type TarFile } from './tar.ts';

/** A file whose content is not in memory. */
export interface TarLargeFile extends Omit<TarFile, 'data' | 'digest' | 'manifest'> {
  /** Bytes that `content` will give. */
  readonly size: number;
  readonly content: ReadableStream<Uint8Array>;
}

export type TarStreamEntry = TarEntry | TarLargeFile;

/**
 * A tar of any size, in pieces. `entries` is read as fast as the pieces are taken. If it fails, so
 * does the iteration, and the tar has no end.
 */
export async function* streamTar(
  entries: AsyncIterable<TarStreamEntry>,
): AsyncGenerator<Uint8Array> {
  const { readable, controller } = createTarPacker();
  const packing = packAll(entries, controller);
  // The iteration below reports it: the packer passes the error on.
  packing.catch(() => undefined);
  yield* readable;
  await packing;
}

async function packAll(
  entries: AsyncIterable<TarStreamEntry>,
  controller: ReturnType<typeof createTarPacker>['controller'],
): Promise<void> {
  try {
    for await (const entry of entries) await packOne(entry, controller);
    controller.finalize();
  } catch (error) {
    controller.error(error);
    throw error;
  }
}

async function packOne(
  entry: TarStreamEntry,
  controller: ReturnType<typeof createTarPacker>['controller'],
): Promise<void> {
  if ('content' in entry) {
    const { content, size, ...file } = entry;
    const { header } = packEntry({ ...file, data: EMPTY_BYTES });
    await content.pipeTo(controller.add({ ...header, size }));
    return;
  }
  const { header, body } = packEntry(entry);
  const writer = controller.add(header).getWriter();
  if (body !== undefined && body.length > 0) await writer.write(body);
  await writer.close();
}
