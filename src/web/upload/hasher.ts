import type { Chunk } from '../../format/manifest.ts';
import type { UploadChunking } from '../../wire/generated/api.ts';

export interface HashRequest {
  readonly id: number;
  readonly piece: Blob;
  /** Where in the file it begins: at the start of a chunk. */
  readonly start: number;
  /** Does the file end with it? */
  readonly isLast: boolean;
  readonly chunking: UploadChunking;
}

export interface HashAnswer {
  readonly id: number;
  readonly bytes?: ArrayBuffer;
  /** Whole ones. The rest of the piece belongs to the next. */
  readonly chunks?: readonly Chunk[];
  readonly failure?: string;
}

export interface HashedPiece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly chunks: readonly Chunk[];
}

type Waiting = PromiseWithResolvers<HashedPiece>;

/** Has pieces of files cut and summed by a worker. */
export class Hasher {
  readonly #worker = new Worker('/web/hash-worker.js', { type: 'module' });
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<HashAnswer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.bytes === undefined || data.chunks === undefined) {
        waiting?.reject(new Error(data.failure));
        return;
      }
      waiting?.resolve({ bytes: new Uint8Array(data.bytes), chunks: data.chunks });
    });
    this.#worker.addEventListener('error', ({ message }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
    });
  }

  async hash(request: Omit<HashRequest, 'id'>): Promise<HashedPiece> {
    const id = this.#next;
    this.#next += 1;
    const waiting = Promise.withResolvers<HashedPiece>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ ...request, id } satisfies HashRequest);
    return await waiting.promise;
  }
}
