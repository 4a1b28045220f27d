import { sumsAsync } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import type { Upload, VolumeInfo } from '../fs/types.ts';
import type { Services } from './exchange.ts';

export interface ChunkSinkTarget {
  readonly volume: VolumeInfo;
  readonly upload?: Upload;
}

type SinkServices = Pick<Services, 'fs' | 'chunkBudget' | 'buffers'>;

/** A piece of a file as it arrived. */
export interface ArrivedChunk {
  readonly offset: number;
  /** The sink's from now on; goes back to the pool if it is from there. */
  readonly data: Uint8Array;
  /** What the sender says the CRC-32 is. */
  readonly checksum?: number;
}

/**
 * Hashes and stores the chunks of one request, many at a time: bounded by bytes, for this request
 * and for all together. Chunks that were stored before a failure stay; nothing names them.
 */
export class ChunkSink {
  readonly #services: SinkServices;
  readonly #target: ChunkSinkTarget;
  readonly #stored: Promise<Chunk>[] = [];
  #inFlightBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(services: SinkServices, target: ChunkSinkTarget) {
    this.#services = services;
    this.#target = target;
  }

  /** Starts to store a chunk. Fails with `bad_chunk` if its checksum is wrong. */
  put(chunk: ArrivedChunk): void {
    const { length } = chunk.data;
    this.#inFlightBytes += length;
    this.#services.chunkBudget.take(length);
    const stored = this.#store(chunk).finally(() => this.#release(length));
    stored.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#stored.push(stored);
  }

  /** Undefined if there is room for more, otherwise resolves when there is. Throws what failed. */
  room(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#inFlightBytes < LIMITS.requestChunkBytesMax && !this.#services.chunkBudget.isFull) {
      return undefined;
    }
    return this.#roomLater();
  }

  /** The chunks in the order they were put, all durable. Throws the first failure. */
  async finish(): Promise<Chunk[]> {
    return await Promise.all(this.#stored);
  }

  async #store({ offset, data, checksum: announced }: ArrivedChunk): Promise<Chunk> {
    const { digest, checksum } = await sumsAsync(data);
    if (announced !== undefined && announced !== checksum) {
      this.#services.buffers.give(data);
      throw new GdpfsError(
        'bad_chunk',
        `cannot store chunk at offset ${offset}: its bytes do not have the checksum it came with`,
        { details: { offset } },
      );
    }
    const { volume, upload } = this.#target;
    await this.#services.fs.putChunk(volume.name, { digest, checksum }, data, upload);
    // Only now: after a failure a write may still be under way.
    this.#services.buffers.give(data);
    return { offset, length: data.length, checksum, digest };
  }

  async #roomLater(): Promise<void> {
    if (this.#inFlightBytes >= LIMITS.requestChunkBytesMax) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await this.#services.chunkBudget.whenFree();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #release(length: number): void {
    this.#inFlightBytes -= length;
    this.#services.chunkBudget.release(length);
    if (this.#inFlightBytes < LIMITS.requestChunkBytesMax) {
      this.#wake?.();
      this.#wake = undefined;
    }
  }
}
