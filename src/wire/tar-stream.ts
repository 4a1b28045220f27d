import { EMPTY_BYTES } from '../base/bytes.ts';
import type { TarEntry } from './tar.ts';
import { type OpenTarFile, TarWriter } from './tar-writer.ts';

/** A file whose content is not in memory. */
export interface TarLargeFile extends OpenTarFile {
  /** Exactly `size` bytes, in pieces. */
  readonly content: AsyncIterable<Uint8Array>;
}

export type TarStreamEntry = TarEntry | TarLargeFile;

const BLOCK_BYTES = 512;

/**
 * A tar of any size, in pieces. `entries` is read as fast as the pieces are taken. If it fails, so
 * does the iteration, and the tar has no end.
 */
export async function* streamTar(
  entries: AsyncIterable<TarStreamEntry>,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    // Whoever takes a piece may keep it.
    const writer = new TarWriter(new ArrayBuffer(0));
    if (!('content' in entry)) {
      writer.add(entry);
      yield writer.take();
      continue;
    }
    writer.addHead(entry);
    yield writer.take();
    yield* entry.content;
    const padding = (BLOCK_BYTES - (entry.size % BLOCK_BYTES)) % BLOCK_BYTES;
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new TarWriter(EMPTY_BYTES.buffer).finish();
}
